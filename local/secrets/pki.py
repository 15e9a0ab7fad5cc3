"""OpenBao's own authority, below the mesh's root: its key is made inside and never leaves.  (docs/secrets.md)

It signs the mesh's intermediates and the gateway's certificates, each asked for by an account that may do nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from pydantic import JsonValue

from components.secrets.names import GATEWAYS, PKI
from groundwork.errors import ExitCode, UserError
from local.authority.certificates import (
    INTERMEDIATE_LIFE,
    ROOT_PATH_LENGTH,
    TRUST_DOMAIN,
    Authority,
    common_name,
    leads_to,
    new_request,
    parse_all,
    path_length,
    sign_openbao,
)
from local.secrets.api import Api, data

# Of whatever it signs: an intermediate, and a certificate of the gateway's.
LIFE = f"{INTERMEDIATE_LIFE.days * 24}h"
MOUNT: dict[str, JsonValue] = {"type": "pki", "config": {"default_lease_ttl": LIFE, "max_lease_ttl": LIFE}}


def authority(asking: Api) -> str | None:
    """OpenBao's certificate, PEM; None where it has none yet."""
    if not data(asking.read(f"{PKI}/config/issuers")).get("default"):
        return None
    return f"{str(data(asking.read(f'{PKI}/issuer/default'))['certificate']).strip()}\n"


def has_room(root: Authority) -> bool:
    """Whether two levels may stand below it."""
    return path_length(root.parsed()) >= ROOT_PATH_LENGTH


def follow(asking: Api, root: Authority, bundle: str, now: dt.datetime) -> bool:
    """Have OpenBao's authority be one that `root` signed; False where it was. `asking`: the mesh's authority.

    What it had of roots that the bundle has no more goes, with its keys. Raises UserError for a root that has no room.
    """
    has = authority(asking)
    if has is None or not leads_to(parse_all(has), root.parsed()):
        if not has_room(root):
            raise no_room(root)
        _become(asking, root, now)
    elif len(_others(asking)) == 0:
        return False
    trusted = parse_all(bundle)
    for other in _others(asking):
        found = data(asking.read(f"{PKI}/issuer/{other}"))
        if not any(leads_to(parse_all(str(found["certificate"])), each) for each in trusted):
            asking.delete(f"{PKI}/issuer/{other}")
            asking.delete(f"{PKI}/key/{found['key_id']}")
    return has is None or authority(asking) != has


def intermediate(asking: Api, root: Authority, now: dt.datetime) -> Authority | None:
    """An intermediate for the mesh, whose key is made here; None where OpenBao's authority is not this root's."""
    above = authority(asking)
    if above is None or not leads_to(parse_all(above), root.parsed()):
        return None
    key, request, name = new_request(now)
    left = parse_all(above)[0].not_valid_after_utc - now
    made = data(
        asking.write(
            f"{PKI}/root/sign-intermediate",
            {
                "csr": request,
                "common_name": name,
                "organization": TRUST_DOMAIN,
                "max_path_length": "0",
                "ttl": f"{min(left, INTERMEDIATE_LIFE).total_seconds():.0f}s",
            },
        )
    )
    certificate = f"{str(made['certificate']).strip()}\n"
    (parsed,) = parse_all(certificate)
    if not leads_to([parsed, *parse_all(above)], root.parsed()) or path_length(parsed) != 0:
        raise UserError(what="OpenBao gave an intermediate that is not the mesh's", code=ExitCode.ERROR)
    return Authority(certificate=certificate, key=key, above=above)


def allowed(asking: Api) -> set[str]:
    """The names that the gateway's certificates may have."""
    found = data(asking.find(f"{PKI}/roles/{GATEWAYS}") or {}).get("allowed_domains")
    return {str(name) for name in found} if isinstance(found, list) else set()


def allow(asking: Api, names: Iterable[str]) -> bool:
    """Let the gateway have certificates for just these names; False where it was so. `asking`: the operator."""
    wanted = sorted(set(names))
    if allowed(asking) == set(wanted):
        return False
    asking.write(f"{PKI}/roles/{GATEWAYS}", role(wanted))
    return True


def of_zone(zone: str) -> list[str]:
    """The names of a zone of the platform's: each tenant answers at one below it."""
    return [zone, f"*.{zone}"]


def role(names: list[str]) -> dict[str, JsonValue]:
    """Servers with just these names: one that begins with `*.` is taken as it stands, and lets no other in."""
    return {
        "allowed_domains": [*names],
        "allow_bare_domains": True,
        "allow_wildcard_certificates": True,
        "allow_subdomains": False,
        "allow_glob_domains": False,
        "allow_any_name": False,
        "allow_localhost": False,
        "allow_ip_sans": False,
        "enforce_hostnames": True,
        # A name in full may be longer than a subject can hold.
        "require_cn": False,
        "server_flag": True,
        "client_flag": False,
        "key_type": "ec",
        "key_bits": 256,
        "key_usage": ["DigitalSignature"],
        "basic_constraints_valid_for_non_ca": True,
        "not_before_duration": "5m",
        "ttl": LIFE,
        "max_ttl": LIFE,
        # It revokes none, and they come again every few weeks: it need not keep them.
        "no_store": True,
    }


def no_room(root: Authority) -> UserError:
    """The root is of before OpenBao was to stand below it."""
    return UserError(
        what=f"the mesh's root {root.id} has path length {path_length(root.parsed())}: OpenBao cannot sign below it",
        allowed=f"{ROOT_PATH_LENGTH}, as every root has that is made now",
        fix="groundwork mesh root rotate (docs/runbooks/rotate-the-root.md)",
    )


def _become(asking: Api, root: Authority, now: dt.datetime) -> None:
    asked = data(
        asking.write(
            f"{PKI}/intermediate/generate/internal",
            {
                "common_name": common_name("openbao", now),
                "organization": TRUST_DOMAIN,
                "key_type": "ec",
                "key_bits": 256,
            },
        )
    )
    signed = sign_openbao(root, str(asked["csr"]), now)
    brought = data(asking.write(f"{PKI}/intermediate/set-signed", {"certificate": signed}))["imported_issuers"]
    (own,) = brought if isinstance(brought, list) else [None]
    # What it signs late in the root's life ends with the root, and is not refused.
    asking.write(f"{PKI}/issuer/{own}", {"leaf_not_after_behavior": "truncate"})
    asking.write(f"{PKI}/config/issuers", {"default": own})


def _others(asking: Api) -> list[str]:
    own = data(asking.read(f"{PKI}/config/issuers")).get("default")
    return [name for name in asking.names(f"{PKI}/issuers") if name != own]
