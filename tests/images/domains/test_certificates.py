from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given
from hypothesis import strategies as st

from domains_operator.certificates import Facts, Issued, OwnIssuer, facts, fits, new_authority, new_key, pem
from tests.images.domains.samples import DOMAIN, NOW

NAMES = [f"*.{DOMAIN}", DOMAIN]
AUTHORITY = new_authority("Groundwork test", timedelta(days=3650))


def issued(names: list[str] = NAMES, life: timedelta = timedelta(days=90)) -> Issued:
    return OwnIssuer(AUTHORITY, life).issue(names)


@pytest.mark.parametrize("host", [f"acme.{DOMAIN}", DOMAIN])
def test_a_client_that_trusts_the_authority_takes_the_certificate(host: str) -> None:
    store = Store([x509.load_pem_x509_certificate(AUTHORITY.chain)])
    leaf = x509.load_pem_x509_certificate(issued().chain)
    chain = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(host)).verify(leaf, [])
    assert len(chain) == 2


@pytest.mark.parametrize("host", [f"a.b.{DOMAIN}", "example.com"])
def test_and_for_no_other_host(host: str) -> None:
    store = Store([x509.load_pem_x509_certificate(AUTHORITY.chain)])
    leaf = x509.load_pem_x509_certificate(issued().chain)
    with pytest.raises(VerificationError):
        PolicyBuilder().store(store).build_server_verifier(x509.DNSName(host)).verify(leaf, [])


def test_the_certificate_cannot_sign_others() -> None:
    leaf = x509.load_pem_x509_certificate(issued().chain)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_certificate_does_not_outlive_its_authority() -> None:
    short = new_authority("short", timedelta(days=10))
    found = facts(OwnIssuer(short, timedelta(days=90)).issue(NAMES).chain)
    assert found is not None
    assert found.not_after <= datetime.now(UTC) + timedelta(days=10)


def test_a_name_longer_than_the_subject_can_hold() -> None:
    long = ".".join(["a" * 60] * 3 + ["test"])
    assert fits(issued([long]), [long])


def test_what_fits() -> None:
    made = issued()
    assert fits(made, list(reversed(NAMES)))
    assert not fits(made, [DOMAIN])
    assert not fits(Issued(key=pem(new_key()), chain=made.chain), NAMES)
    assert not fits(Issued(key=b"", chain=made.chain), NAMES)
    assert not fits(Issued(key=made.key, chain=b"nothing"), NAMES)
    assert facts(b"nothing") is None


@given(st.lists(st.from_regex(r"[a-z]{1,20}\.test", fullmatch=True), min_size=1), st.integers(60, 400 * 86400))
def test_a_renewal_comes_at_two_thirds_and_well_before_the_end(names: list[str], seconds: int) -> None:
    life = timedelta(seconds=seconds)
    found = Facts(names=frozenset(names), issuer="x", not_before=NOW, not_after=NOW + life)
    assert NOW + life * 0.66 <= found.renew_at <= NOW + life * 0.71
