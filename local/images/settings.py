"""The configuration that buildah runs with: its own store, and what build steps see of this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from groundwork.files import write_atomically

IMAGE_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_BUNDLES = (IMAGE_BUNDLE, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_PASSED = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES")


def host_bundle(environment: Mapping[str, str]) -> str | None:
    """The file with the certificate authorities that this machine trusts, its company's own among them."""
    candidates = (environment.get("SSL_CERT_FILE", ""), *_BUNDLES)
    return next((name for name in candidates if name and Path(name).is_file()), None)


def step_environment(environment: Mapping[str, str], *, bundle: bool) -> dict[str, str]:
    """What RUN steps see besides the image's own variables; none of it is kept in the image.

    With SOURCE_DATE_EPOCH, Python's byte code names its source by content, not by time: it stays valid in layers
    whose times are all zero.
    """
    seen = {name: environment[name] for name in _PASSED if name in environment}
    seen |= {"SOURCE_DATE_EPOCH": "0", "DEBIAN_FRONTEND": "noninteractive", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if bundle:
        seen |= dict.fromkeys(("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), IMAGE_BUNDLE)
    return seen


def write(folder: Path, *, graph: Path, run: Path) -> dict[str, str]:
    """Write buildah's files into `folder` and return the environment that makes buildah use them, and only them."""
    bundle = host_bundle(os.environ)
    seen = step_environment(os.environ, bundle=bundle is not None)
    containers = {
        "env": [f"{name}={value}" for name, value in sorted(seen.items())],
        "volumes": [f"{bundle}:{IMAGE_BUNDLE}:ro"] if bundle else [],
    }
    files = {
        "containers.conf": "[containers]\n" + _toml(containers),
        # skip_mount_home: the store's folder is not left mounted on itself after each command.
        "storage.conf": "[storage]\n"
        + _toml({"driver": "overlay", "graphroot": str(graph), "runroot": str(run)})
        + '[storage.options.overlay]\nskip_mount_home = "true"\n',
        "registries.conf": "unqualified-search-registries = []\n",
        "policy.json": json.dumps({"default": [{"type": "insecureAcceptAnything"}]}),
    }
    for name, text in files.items():
        write_atomically(folder / name, text, mode=0o600)  # an index address may hold a password
    return {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
    }


def _toml(values: Mapping[str, str | list[str]]) -> str:
    # A JSON string or list of strings is a TOML one too.
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
