"""The root's life: made once, installed, renewed, rotated in phases; killed between any two steps it goes on."""

from __future__ import annotations

import datetime as dt
import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from hypothesis import given
from hypothesis import strategies as st

from groundwork.console import PlainProgress
from groundwork.errors import UserError
from local.authority import rotation
from local.authority.certificates import (
    INTERMEDIATE_LIFE,
    ROOT_LIFE,
    Authority,
    fingerprint,
    leads_to,
    new_intermediate,
    new_request,
    new_root,
    parse_all,
    sign_openbao,
)
from local.authority.mesh import Proxy
from local.authority.rotation import ensure, rotate
from local.authority.vault import Phase, State, Vault

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Killed(BaseException):
    """What a kill looks like to the program."""


def prints(pem: str) -> frozenset[str]:
    return frozenset(map(fingerprint, parse_all(pem)))


@dataclass
class FakeMesh:
    """istiod that takes a Secret up at once, as the real one does only if one bundle holds the other; two proxies.

    `renews`: whether proxies ask for a new certificate whenever they are looked at; `before`: called at each step;
    `silent`: how often a third proxy, which begins just now, does not answer; `gateway_of`: what
    stands above the gateway's certificate.
    """

    renews: bool = True
    files: dict[str, str] | None = None
    signer: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    silent: int = 0
    gateway_of: x509.Certificate | None = None

    def secret(self) -> dict[str, str] | None:
        self.before()
        return self.files

    def write(self, intermediate: Authority, bundle: str) -> None:
        self.before()
        old = prints(self.files["root-cert.pem"]) if self.files else prints(bundle)
        new = prints(bundle)
        assert old <= new or new <= old, "istiod refuses a bundle that neither holds nor is held by the last"
        chain = parse_all(intermediate.certificate + intermediate.above)
        assert any(leads_to(chain, root) for root in parse_all(bundle)), "an intermediate that nobody trusts"
        self.files = {
            "ca-cert.pem": intermediate.certificate,
            "ca-key.pem": intermediate.key,
            "cert-chain.pem": intermediate.certificate + intermediate.above,
            "root-cert.pem": bundle,
        }
        self._check()

    def published(self) -> frozenset[str]:
        self.before()
        return prints(self.files["root-cert.pem"]) if self.files else frozenset()

    def signers_end(self) -> set[int]:
        self.before()
        return {int(parse_all(self._certificate())[0].not_valid_after_utc.timestamp())}

    def proxies(self) -> list[Proxy]:
        self.before()
        for pod in ("a/one", "b/two"):
            if self.renews or pod not in self.signer:
                self.signer[pod] = self._certificate()
        self._check()
        found = [
            Proxy(pod=pod, trusts=self.published(), signer=fingerprint(parse_all(pem)[0]))
            for pod, pem in self.signer.items()
        ]
        if self.silent:
            self.silent -= 1
            found.append(Proxy(pod="c/three", trusts=frozenset(), signer=None, answers=False))
        return found

    def gateways(self, root: x509.Certificate) -> list[str]:
        self.before()
        return [] if self.gateway_of is None or self.gateway_of != root else ["wildcard"]

    def _certificate(self) -> str:
        return self.files["cert-chain.pem"] if self.files else ""

    def _check(self) -> None:
        """A proxy whose certificate nobody trusts drops traffic."""
        roots = parse_all(self.files["root-cert.pem"]) if self.files else []
        for pod, pem in self.signer.items():
            if not any(leads_to(parse_all(pem), root) for root in roots):
                self.broken.append(pod)


def _issued(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, InvalidSignature):
        return False
    return True


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "DELIVERED_SECONDS", 0.2)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(folder=tmp_path / "mesh-root")


def turn(vault: Vault, mesh: FakeMesh, output: io.StringIO | None = None) -> State:
    return rotate(vault, mesh, PlainProgress(output or io.StringIO()), NOW)


def install(vault: Vault, mesh: FakeMesh, now: dt.datetime = NOW) -> bool:
    return ensure(vault, mesh, now)


def test_a_root_is_made_once_and_only_this_user_can_read_it(vault: Vault) -> None:
    mesh = FakeMesh()
    assert install(vault, mesh)
    state, before = vault.state(), mesh.files
    assert not install(vault, mesh)
    assert (vault.state(), mesh.files) == (state, before)
    assert {file.stat().st_mode & 0o777 for file in vault.folder.iterdir()} == {0o600}
    assert vault.folder.stat().st_mode & 0o777 == 0o700
    assert mesh.files is not None
    assert vault.root(state.current).key not in mesh.files.values()


def test_lives_are_those_that_are_documented() -> None:
    root = new_root(NOW)
    intermediate = new_intermediate(root, NOW)
    assert root.parsed().not_valid_after_utc == NOW + ROOT_LIFE
    assert intermediate.parsed().not_valid_after_utc == NOW + INTERMEDIATE_LIFE
    late = new_intermediate(root, NOW + ROOT_LIFE - dt.timedelta(days=2))
    assert late.parsed().not_valid_after_utc == root.parsed().not_valid_after_utc


def test_an_intermediate_is_renewed_before_it_ends_and_not_sooner(vault: Vault) -> None:
    mesh = FakeMesh()
    install(vault, mesh)
    first = mesh.files
    assert not install(vault, mesh, NOW + INTERMEDIATE_LIFE - rotation.RENEW_BEFORE - dt.timedelta(days=1))
    assert install(vault, mesh, NOW + INTERMEDIATE_LIFE - rotation.RENEW_BEFORE + dt.timedelta(days=1))
    assert mesh.files != first
    assert prints(mesh.files["root-cert.pem"]) == prints(first["root-cert.pem"]) if mesh.files and first else False


@dataclass
class FakeBetween:
    """OpenBao as far as it is asked here: a level of its own. `serves`: false where it is sealed."""

    serves: bool = True
    own: Authority | None = None
    told: list[frozenset[str]] = field(default_factory=list)

    def intermediate(self, root: Authority, now: dt.datetime) -> Authority | None:
        if not self.serves or self.own is None or not _issued(self.own.parsed(), root.parsed()):
            return None
        made = new_intermediate(self.own, now)
        return Authority(certificate=made.certificate, key=made.key, above=self.own.certificate)

    def follow(self, root: Authority, bundle: str, now: dt.datetime) -> None:
        if self.serves:
            if self.own is None or not _issued(self.own.parsed(), root.parsed()):
                key, asked, _ = new_request(now)
                self.own = Authority(certificate=sign_openbao(root, asked, now), key=key)
            self.told.append(prints(bundle))


def test_the_first_intermediate_is_the_root_s_and_the_next_openbao_s(vault: Vault) -> None:
    mesh, between = FakeMesh(), FakeBetween()
    ensure(vault, mesh, NOW, between)
    assert mesh.files is not None
    assert rotation.through(mesh.files) == "the root"
    between.follow(vault.root(vault.state().signer), vault.bundle(vault.state()), NOW)
    assert not ensure(vault, mesh, NOW, between), "one that has time left stays"
    late = NOW + INTERMEDIATE_LIFE - rotation.RENEW_BEFORE + dt.timedelta(days=1)
    assert ensure(vault, mesh, late, between)
    assert rotation.through(mesh.files) == "OpenBao"
    assert not ensure(vault, mesh, late, between), "its chain is known for the root's"
    assert ensure(vault, mesh, late, between, renew=True)
    assert rotation.through(mesh.files) == "OpenBao"


def test_with_openbao_sealed_what_serves_stays_and_a_renewal_is_the_root_s(vault: Vault) -> None:
    mesh, between = FakeMesh(), FakeBetween()
    ensure(vault, mesh, NOW)
    between.follow(vault.root(vault.state().signer), vault.bundle(vault.state()), NOW)
    ensure(vault, mesh, NOW, between, renew=True)
    held, between.serves = mesh.files, False
    assert not ensure(vault, mesh, NOW, between)
    assert mesh.files == held
    assert ensure(vault, mesh, NOW + INTERMEDIATE_LIFE, between)
    assert mesh.files is not None
    assert rotation.through(mesh.files) == "the root"
    assert mesh.broken == []


@pytest.mark.parametrize("serves", [True, False])
def test_a_rotation_takes_openbao_with_it_where_it_serves(vault: Vault, serves: bool) -> None:
    mesh, between = FakeMesh(), FakeBetween()
    ensure(vault, mesh, NOW)
    old = vault.root(vault.state().signer)
    between.follow(old, vault.bundle(vault.state()), NOW)
    ensure(vault, mesh, NOW, between, renew=True)
    mesh.proxies()
    between.serves = serves
    assert rotate(vault, mesh, PlainProgress(io.StringIO()), NOW, between).phase is Phase.STEADY
    assert mesh.broken == []
    new = vault.root(vault.state().current)
    assert mesh.files is not None
    assert rotation.through(mesh.files) == ("OpenBao" if serves else "the root")
    if serves:
        both, one = prints(old.certificate + new.certificate), prints(new.certificate)
        assert between.told[-3:] == [both, both, one], "clients trust the new root before it signs"


def test_a_rotation_waits_for_the_gateway_s_certificates(vault: Vault) -> None:
    mesh, said = FakeMesh(), io.StringIO()
    install(vault, mesh)
    mesh.gateway_of = vault.root(vault.state().current).parsed()
    assert turn(vault, mesh, said).phase is Phase.NEW_SIGNS
    assert "gateway: wildcard" in said.getvalue()
    mesh.gateway_of = vault.root(vault.state().signer).parsed()
    assert turn(vault, mesh).phase is Phase.STEADY


def test_a_cluster_of_another_root_is_left_as_it_is(vault: Vault, tmp_path: Path) -> None:
    mesh = FakeMesh()
    install(Vault(folder=tmp_path / "another"), mesh)
    before = mesh.files
    with pytest.raises(UserError, match="not kept here"):
        install(vault, mesh)
    assert mesh.files == before


def test_a_rotation_brings_a_new_root_and_breaks_no_proxy(vault: Vault) -> None:
    mesh = FakeMesh()
    install(vault, mesh)
    mesh.proxies()
    old = vault.state().current
    done = turn(vault, mesh)
    assert done == State(phase=Phase.STEADY, current=vault.state().current)
    assert done.current != old
    assert mesh.published() == {fingerprint(vault.root(done.current).parsed())}
    assert mesh.broken == []
    assert not (vault.folder / f"{old}.key").exists()


def test_it_stops_while_old_certificates_are_left_and_goes_on_later(vault: Vault) -> None:
    mesh = FakeMesh()
    install(vault, mesh)
    mesh.proxies()
    mesh.renews = False
    said = io.StringIO()
    assert turn(vault, mesh, said).phase is Phase.NEW_SIGNS
    assert "a/one" in said.getvalue()
    assert len(mesh.published()) == 2
    assert turn(vault, mesh).phase is Phase.NEW_SIGNS
    mesh.renews = True
    assert turn(vault, mesh).phase is Phase.STEADY
    assert mesh.broken == []


def test_a_proxy_that_does_not_answer_is_asked_again(vault: Vault) -> None:
    mesh = FakeMesh()
    install(vault, mesh)
    mesh.silent = 1
    assert turn(vault, mesh).phase is Phase.STEADY


def test_a_proxy_that_never_answers_holds_the_rotation_up_and_is_named(vault: Vault) -> None:
    mesh = FakeMesh()
    install(vault, mesh)
    old = vault.state().current
    mesh.silent = 10**6
    with pytest.raises(UserError, match="c/three"):
        turn(vault, mesh)
    assert vault.state().current == old
    mesh.silent = 0
    assert turn(vault, mesh).phase is Phase.STEADY


@given(st.integers(1, 40))
def test_killed_at_any_step_the_next_run_finishes_it(tmp_path_factory: pytest.TempPathFactory, step: int) -> None:
    vault, mesh = Vault(folder=tmp_path_factory.mktemp("vault") / "root"), FakeMesh()
    install(vault, mesh)
    mesh.proxies()
    old, count = vault.state().current, itertools.count(1)

    def kill() -> None:
        if next(count) == step:
            raise Killed

    mesh.before = kill
    try:
        turn(vault, mesh)
    except Killed:
        mesh.before = lambda: None
        assert turn(vault, mesh).phase is Phase.STEADY
    assert mesh.broken == []
    assert vault.state().current != old


def test_an_istiod_that_does_not_follow_is_told_and_nothing_is_broken(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = FakeMesh()
    install(vault, mesh)
    mesh.proxies()
    with monkeypatch.context() as deaf:
        deaf.setattr(FakeMesh, "published", lambda _self: frozenset())
        with pytest.raises(UserError, match="published"):
            turn(vault, mesh)
    assert vault.state().phase is Phase.BOTH_TRUSTED
    assert turn(vault, mesh).phase is Phase.STEADY
    assert mesh.broken == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"phase": "odd", "current": "x", "next": null}'])
def test_a_damaged_state_is_one_clear_error(vault: Vault, content: str) -> None:
    vault.folder.mkdir()
    (vault.folder / "state.json").write_text(content, "utf-8")
    with pytest.raises(UserError) as caught:
        vault.state()
    assert caught.value.where == str(vault.folder / "state.json")


def test_without_a_root_the_verb_to_make_one_is_named(vault: Vault) -> None:
    with pytest.raises(UserError) as caught:
        vault.state()
    assert caught.value.fix == "run: groundwork mesh root init"
