"""Making, installing and rotating the mesh's root. Each step can be run again, and drops no traffic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from cryptography import x509

from groundwork.console import Progress, Step
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.authority.certificates import Authority, fingerprint, leads_to, new_intermediate, parse_all
from local.authority.mesh import Proxy
from local.authority.vault import Phase, State, Vault

# The kubelet brings a changed Secret into a pod within its sync period and its cache's life.
DELIVERED_SECONDS = 300.0
# A new intermediate when less than this is left of the old one.
RENEW_BEFORE = dt.timedelta(days=15)
# One that OpenBao signed for as long as there is a root ends when its clock says so.
CLOCKS = dt.timedelta(minutes=10)


class Trust(Protocol):
    """What is asked of the mesh: `MeshTrust` says what each means."""

    def secret(self) -> Mapping[str, str] | None: ...  # noqa: D102
    def write(self, intermediate: Authority, bundle: str) -> None: ...  # noqa: D102
    def published(self) -> frozenset[str]: ...  # noqa: D102
    def signers_end(self) -> set[int]: ...  # noqa: D102
    def proxies(self) -> list[Proxy]: ...  # noqa: D102
    def gateways(self, root: x509.Certificate) -> list[str]: ...  # noqa: D102


class Between(Protocol):
    """Who may stand between the root and the mesh's intermediate: OpenBao, where there is one that serves."""

    def intermediate(self, root: Authority, now: dt.datetime) -> Authority | None:
        """A new intermediate below an authority that this root signed; None where it cannot be had now."""

    def follow(self, root: Authority, bundle: str, now: dt.datetime) -> None:
        """Let it be of this root from now on, and let its clients trust the bundle; nothing where it is not there."""


def ensure(vault: Vault, mesh: Trust, now: dt.datetime, between: Between | None = None, *, renew: bool = False) -> bool:
    """Have a root, and an intermediate of it in the cluster with time left; true when something was written.

    Must be done before istiod first starts: without it istiod would make a root of its own. The first intermediate is
    the root's own, as OpenBao comes after the mesh; a later one is `between`'s where it can be had, and otherwise the
    root's again. `renew`: bring another now. Raises UserError where the cluster trusts roots that are not kept here.
    """
    if not vault.exists():
        vault.create(now)
    state = vault.state()
    root, secret = vault.root(state.signer), mesh.secret()
    _refuse_a_stranger(secret, _all(vault, state))
    serves = secret is not None and not renew and _serves(secret, root, now)
    if secret is not None and serves and _ids(secret.get("root-cert.pem", "")) == _all(vault, state):
        return False
    if secret is not None and serves:
        mesh.write(_held(secret), vault.bundle(state))
        return True
    asked = between.intermediate(root, now) if between is not None and secret is not None else None
    mesh.write(asked or new_intermediate(root, now), vault.bundle(state))
    return True


def rotate(vault: Vault, mesh: Trust, progress: Progress, now: dt.datetime, between: Between | None = None) -> State:
    """Take the rotation as far as it can go now: all the way where every pod's certificate was renewed meanwhile.

    Killed anywhere, it goes on from the phase it was in. Raises UserError where the mesh does not follow; nothing is
    broken then, and the same command goes on.
    """
    state = vault.state()
    if state.phase is Phase.STEADY:
        state = vault.save(replace(state, phase=Phase.BOTH_TRUSTED, next=vault.add(now)))
    if state.phase is Phase.BOTH_TRUSTED:
        with progress.step("Rotation 1 of 3: both roots are trusted") as step:
            ensure(vault, mesh, now, between)
            _follow(vault, state, now, between)
            _until_trusted(mesh, step, _all(vault, state))
        state = vault.save(replace(state, phase=Phase.NEW_SIGNS))
    with progress.step("Rotation 2 of 3: the new root signs") as step:
        _follow(vault, state, now, between)
        ensure(vault, mesh, now, between)
        signer = _until_signing(mesh, step)
        late = [proxy.pod for proxy in mesh.proxies() if not proxy.answers or proxy.signer not in {None, signer}]
        late += [f"gateway: {name}" for name in mesh.gateways(vault.root(state.current).parsed())]
        step.update(f"{len(late)} certificates of the old root are left" if late else "all certificates are renewed")
    if late:
        progress.say("Run it again when these have renewed theirs (at half of a certificate's life) or were restarted:")
        progress.say("\n".join(f"  {pod}" for pod in late))
        return state
    with progress.step("Rotation 3 of 3: the old root is trusted no more") as step:
        done = State(phase=Phase.STEADY, current=state.signer)
        _trust_only(vault, mesh, done)
        _follow(vault, done, now, between)
        _until_trusted(mesh, step, _all(vault, done))
        return vault.save(done)


def through(secret: Mapping[str, str]) -> str:
    """Who signed the intermediate in the mesh's Secret, for people."""
    return "OpenBao" if _held(secret).above else "the root"


def _follow(vault: Vault, state: State, now: dt.datetime, between: Between | None) -> None:
    if between is not None:
        between.follow(vault.root(state.signer), vault.bundle(state), now)


def _held(secret: Mapping[str, str]) -> Authority:
    """The intermediate in the Secret, with what stands above it."""
    own, chain = secret["ca-cert.pem"], secret.get("cert-chain.pem", "")
    return Authority(certificate=own, key=secret["ca-key.pem"], above=chain.removeprefix(own))


def _refuse_a_stranger(secret: Mapping[str, str] | None, ours: frozenset[str]) -> None:
    """A root can only follow one that is trusted beside it: put in its place, it would part the mesh in two."""
    theirs = _ids(secret.get("root-cert.pem", "")) if secret is not None else frozenset()
    if theirs and not theirs & ours:
        raise UserError(
            what="the cluster's mesh trusts a root that is not kept here",
            where="Secret istio-system/cacerts",
            fix="use the data folder that made it (GROUNDWORK_HOME), or restore mesh-root from a backup",
        )


def _trust_only(vault: Vault, mesh: Trust, state: State) -> None:
    secret = mesh.secret()
    if secret is None:
        raise UserError(what="the mesh's Secret is gone", fix="run it again: it is written anew", code=ExitCode.ERROR)
    mesh.write(_held(secret), vault.bundle(state))


def _until_trusted(mesh: Trust, step: Step, wanted: frozenset[str]) -> None:
    """Wait until istiod, and then every proxy, trusts exactly these roots."""
    step.update("waiting for istiod to read it")
    _hold(lambda: mesh.published() == wanted, lambda: "istiod has not published the roots")
    step.update("waiting for every proxy")
    left: list[str] = []

    def all_do() -> bool:
        proxies = mesh.proxies()
        left[:] = [one.pod for one in proxies if not one.answers or (one.trusts and one.trusts != wanted)]
        step.update(f"waiting for {len(left)} proxies")
        return not left

    _hold(all_do, lambda: f"proxies do not trust the roots yet, or do not answer ({', '.join(left)})")
    step.update("every proxy knows")


def _until_signing(mesh: Trust, step: Step) -> str:
    """Wait until every istiod signs with the Secret's intermediate; gives its fingerprint."""
    secret = mesh.secret() or {}
    (intermediate,) = parse_all(secret.get("ca-cert.pem", ""))
    ends = int(intermediate.not_valid_after_utc.timestamp())
    step.update("waiting for istiod to read it")
    _hold(lambda: mesh.signers_end() == {ends}, lambda: "istiod does not sign with the new intermediate yet")
    return fingerprint(intermediate)


def _hold(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    if not wait_until(condition, DELIVERED_SECONDS):
        raise UserError(
            what=f"after {DELIVERED_SECONDS:.0f} s {what()}",
            fix="look at istiod (kubectl -n istio-system get pods), then run it again: nothing is broken so far",
            code=ExitCode.ERROR,
        )


def _serves(secret: Mapping[str, str], root: Authority, now: dt.datetime) -> bool:
    """Whether the Secret's intermediate leads to the root and has time left, or as much as the root allows."""
    try:
        held = _held(secret)
        chain = parse_all(held.certificate + held.above)
    except (KeyError, ValueError):
        return False
    ends, last = chain[0].not_valid_after_utc, root.parsed().not_valid_after_utc
    return leads_to(chain, root.parsed()) and (ends - now > RENEW_BEFORE or last - ends < CLOCKS)


def _ids(pem: str) -> frozenset[str]:
    return frozenset(map(fingerprint, parse_all(pem))) if pem.strip() else frozenset()


def _all(vault: Vault, state: State) -> frozenset[str]:
    return _ids(vault.bundle(state))
