"""OpenBao between the mesh's root and what it signs, on the running cluster; and what goes on while it is sealed."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from components.domains.names import NAME, NAMESPACE
from components.secrets.names import NAMESPACE as SECRETS
from components.secrets.names import OPERATOR
from groundwork.waiting import wait_until
from local.authority.certificates import fingerprint, parse_all
from local.authority.install import vault_of
from local.authority.mesh import MeshTrust
from local.secrets import pki
from local.secrets.api import Refused
from local.secrets.install import Place, place_here
from local.secrets.life import unseal, wait_active
from local.secrets.nodes import seal_all
from local.secrets.reach import login
from tests.cluster.node import kubectl
from tests.command import groundwork, succeeded

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.usefixtures("environment")]
DOMAIN, HOST = "groundwork.test", "signed.acme-hotels.test"  # Pulumi.local.yaml: the second is in a zone of acme's


@pytest.fixture(scope="module")
def place() -> Place:
    return place_here()


@pytest.fixture(scope="module")
def mesh(place: Place) -> MeshTrust:
    return MeshTrust(cluster=place.cluster)


@pytest.fixture(scope="module")
def roots(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mesh's roots, which stand on this machine: all that is trusted here."""
    vault = vault_of(place.paths)
    state = vault.state()
    if not pki.has_room(vault.root(state.signer)):  # a root of before
        succeeded(groundwork("mesh", "root", "rotate"))
        state = vault.state()
    file = tmp_path_factory.mktemp("roots") / "roots.crt"
    file.write_text(vault.bundle(state))
    return file


@pytest.fixture
def sealed(place: Place) -> Iterator[None]:
    seal_all(place.reach)
    yield
    with place.reach.any() as api:
        unseal(api, place.shares)
        wait_active(api)


def test_the_mesh_s_next_intermediate_is_openbao_s_and_pods_get_certificates_of_it(
    mesh: MeshTrust, roots: Path, tmp_path: Path
) -> None:
    assert "signed by OpenBao" in succeeded(groundwork("mesh", "root", "renew"))
    secret = mesh.secret()
    assert secret is not None
    own, *above = parse_all(secret["cert-chain.pem"])
    assert len(above) == 1
    assert verified(tmp_path, secret["cert-chain.pem"], roots)
    # The kubelet brings it to istiod, which says until when it signs.
    assert wait_until(lambda: mesh.signers_end() == {int(own.not_valid_after_utc.timestamp())}, 300)
    # Its pods get certificates as they start; the one that leads looks at once who signs the gateway's.
    kubectl("rollout", "restart", f"deployment/{NAME}", "-n", NAMESPACE)
    kubectl("rollout", "status", f"deployment/{NAME}", "-n", NAMESPACE, "--timeout=240s")

    def certified() -> bool:
        pods = kubectl("get", "pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={NAME}", "-o", "name").stdout
        found = [mesh.proxy(NAMESPACE, pod.removeprefix("pod/")) for pod in pods.split()]
        return bool(found) and all(proxy.signer == fingerprint(own) for proxy in found)

    # Also without those that were replaced, which take their time to leave.
    assert wait_until(certified, 180)


def test_the_gateway_serves_what_openbao_signed_to_who_trusts_the_root_alone(roots: Path, tmp_path: Path) -> None:
    assert wait_until(lambda: answers(roots), 240), "the wildcard is not of OpenBao's authority"
    assert verified(tmp_path, served("wildcard"), roots)


def test_the_operator_s_account_may_have_requests_signed_and_nothing_else(place: Place) -> None:
    reach = place.reach
    with reach.any() as api:
        asking = login(api, NAME, reach.token_of(NAME, NAMESPACE))
        for path, body in (
            ("pki/roles/gateways", pki.role(["evil.test"])),
            ("pki/root/sign-intermediate", {"csr": "x", "common_name": "x", "max_path_length": "0", "ttl": "1h"}),
            ("secret/data/tenants/acme/key", {"data": {}}),
        ):
            with pytest.raises(Refused) as refused:
                asking.write(path, body)
            assert refused.value.status == 403
        # and nobody else is it, whoever OpenBao knows beside
        with pytest.raises(Refused):
            login(api, NAME, reach.token_of(OPERATOR, SECRETS))


@pytest.mark.usefixtures("sealed")
def test_sealed_what_is_served_goes_on_and_the_root_signs_for_the_mesh(mesh: MeshTrust, roots: Path) -> None:
    assert answers(roots)
    done = groundwork("mesh", "root", "renew")
    assert "signed by the root" in succeeded(done)
    assert "does without OpenBao" in done.stdout + done.stderr
    groundwork("domain", "remove", "acme", HOST, "--yes")
    done = groundwork("domain", "add", "acme", HOST, "--issuer", "own")
    assert "OpenBao does not sign" in done.stderr, succeeded(done)
    assert wait_until(lambda: "OpenBao" in str(shown()["reason"]), 180), shown()
    secret = mesh.secret()
    assert secret is not None
    assert len(parse_all(secret["cert-chain.pem"])) == 1


def test_unsealed_a_host_that_waited_has_its_certificate(roots: Path, tmp_path: Path) -> None:
    try:
        assert "OpenBao" not in groundwork("domain", "add", "acme", HOST, "--issuer", "own").stderr
        succeeded(groundwork("domain", "verify", "acme", HOST, "--wait", "240"))
        assert verified(tmp_path, served(f"domain-{HOST}"), roots)
    finally:
        groundwork("domain", "remove", "acme", HOST, "--yes")
    assert "signed by OpenBao" in succeeded(groundwork("mesh", "root", "renew"))


def answers(roots: Path) -> bool:
    """Whether the gateway shows a certificate that is trusted; what it says of a request without a key is no matter."""
    context = ssl.create_default_context(cafile=str(roots))
    try:
        with httpx.Client(verify=context, timeout=15) as client:
            client.get(
                "https://127.0.0.1/", headers={"host": f"acme.{DOMAIN}"}, extensions={"sni_hostname": f"acme.{DOMAIN}"}
            )
    except httpx.HTTPError:
        return False
    return True


def served(name: str) -> str:
    found = kubectl("get", "secret", name, "-n", "groundwork-gateway", "-o", r"jsonpath={.data.tls\.crt}").stdout
    return base64.b64decode(found).decode()


def shown() -> dict[str, object]:
    found: dict[str, object] = json.loads(succeeded(groundwork("domain", "show", "acme", HOST, "--json")))
    return found


def verified(folder: Path, chain: str, roots: Path) -> bool:
    """Whether OpenSSL takes the first certificate of a chain, where nothing but the roots is trusted."""
    file = folder / "chain"
    file.write_text(chain)
    trusted = ["-no-CApath", "-no-CAstore", "-CAfile", str(roots)]
    command = ["openssl", "verify", "-x509_strict", *trusted, "-untrusted", str(file), str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
