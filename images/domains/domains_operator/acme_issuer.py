"""Certificates by ACME (RFC 8555): DNS-01 in zones that are held here, HTTP-01 through the gateway elsewhere."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography.hazmat.primitives.asymmetric import ec
from josepy import errors as josepy_errors
from josepy import jwa, jwk

from domains_operator.certificates import Cause, Issued, IssueError, new_key, pem
from domains_operator.settings import Acme

_TIMEOUT_SECONDS = 20
# What is waited where the authority says "too often" and not for how long.
_LIMITED = timedelta(hours=1)
_OURS_TO_RETRY = {"serverInternal", "badNonce", "connection"}


@dataclass(frozen=True)
class Answers:
    """What the authority will look for. `dns`: names and TXT values; `http`: token → what its path answers."""

    dns: list[tuple[str, str]] = field(default_factory=list)
    http: dict[str, str] = field(default_factory=dict)


Publish = Callable[[Answers], AbstractContextManager[None]]


class Budget:
    """At most so many orders in a window of time, so that the authority's limit for the account is never met."""

    def __init__(self, orders: int, window: timedelta) -> None:
        self._window = window
        self._begun: deque[float] = deque(maxlen=orders)
        self._orders = orders
        self._lock = threading.Lock()

    def take(self) -> None:
        """Count one order. Raises IssueError where there were too many."""
        with self._lock:
            now = time.monotonic()
            if len(self._begun) == self._orders and now - self._begun[0] < self._window.total_seconds():
                wait = self._window.total_seconds() - (now - self._begun[0])
                detail = f"{self._orders} orders in {self._window} were begun; the next can be in {wait:.0f} s"
                raise IssueError(Cause.RATE_LIMITED, detail, timedelta(seconds=wait))
            self._begun.append(now)


class AcmeIssuer:
    """An account with an authority. `held`: whether a name is in a zone of ours; `publish`: shows answers, then takes
    them away again. Used by several threads, each order with a connection of its own.
    """

    def __init__(
        self, settings: Acme, account: ec.EllipticCurvePrivateKey, held: Callable[[str], bool], publish: Publish
    ) -> None:
        self._settings, self._held, self._publish = settings, held, publish
        self._key = jwk.JWKEC(key=account)
        self._budget = Budget(settings.orders, settings.window)

    def issue(self, names: Sequence[str]) -> Issued:
        """Order, prove, finalize."""
        self._budget.take()
        key = pem(new_key())
        network = _network(self._key, self._settings.authority)
        waits: list[timedelta] = []
        network.session.hooks["response"].append(_waits_into(waits))
        with _as_issue_error(waits):
            speaker = _registered(network, self._settings)
            order = speaker.new_order(crypto_util.make_csr(key, list(names)))
            chosen = [self._choose(authorization) for authorization in order.authorizations if _is_open(authorization)]
            with self._publish(self._answers(chosen)):
                for one in chosen:
                    speaker.answer_challenge(one.challenge, one.challenge.chall.response(self._key))
                # The library compares with the local time without a zone.
                deadline = datetime.now() + self._settings.patience  # noqa: DTZ005
                done = speaker.poll_and_finalize(order, deadline)
        return Issued(key=key, chain=done.fullchain_pem.encode())

    def _choose(self, authorization: messages.AuthorizationResource) -> _Chosen:
        name = authorization.body.identifier.value
        wanted = challenges.DNS01 if self._held(name) else challenges.HTTP01
        for challenge in authorization.body.challenges:
            if isinstance(challenge.chall, wanted):
                return _Chosen(name, challenge)
        raise IssueError(Cause.REFUSED, f"the authority offers no {wanted.typ} for {name}")

    def _answers(self, chosen: Sequence[_Chosen]) -> Answers:
        answers = Answers()
        for one in chosen:
            challenge = one.challenge.chall
            if isinstance(challenge, challenges.DNS01):
                answers.dns.append((challenge.validation_domain_name(one.name), challenge.validation(self._key)))
            else:
                answers.http[challenge.encode("token")] = challenge.validation(self._key)
        return answers


@dataclass(frozen=True)
class _Chosen:
    name: str
    challenge: messages.ChallengeBody


def _network(key: jwk.JWKEC, authority: Path | None) -> client.ClientNetwork:
    made = client.ClientNetwork(key, alg=jwa.ES256, user_agent="groundwork-domains", timeout=_TIMEOUT_SECONDS)
    if authority is not None:
        # It is handed on to requests, which takes the file of an authority here as well.
        made.verify_ssl = cast("bool", str(authority))
    return made


def _registered(network: client.ClientNetwork, settings: Acme) -> client.ClientV2:
    """A client that speaks for the account, which is made if it is not there."""
    speaker = client.ClientV2(client.ClientV2.get_directory(settings.directory, network), network)
    wanted = messages.NewRegistration.from_data(email=settings.contact, terms_of_service_agreed=True)
    try:
        speaker.new_account(wanted)
    except errors.ConflictError as error:
        network.account = messages.RegistrationResource(body=messages.Registration(), uri=error.location)
    return speaker


def _is_open(authorization: messages.AuthorizationResource) -> bool:
    return bool(authorization.body.status != messages.STATUS_VALID)


def _waits_into(waits: list[timedelta]) -> Callable[..., None]:
    def hook(response: requests.Response, *_args: object, **_kwargs: object) -> None:
        text = response.headers.get("Retry-After", "")
        if not response.ok and re.fullmatch(r"\d{1,7}", text):
            waits.append(timedelta(seconds=int(text)))

    return hook


@contextmanager
def _as_issue_error(waits: Sequence[timedelta]) -> Iterator[None]:
    """What the library and the network raise, as the one error of this package."""
    try:
        yield
    except errors.ValidationError as error:
        failed = [row.error for each in error.failed_authzrs for row in each.body.challenges if row.error is not None]
        raise IssueError(Cause.REFUSED, "; ".join(map(_said, failed))) from None
    except errors.IssuanceError as error:
        raise IssueError(Cause.REFUSED, _said(error.error)) from None
    except messages.Error as error:
        wait = waits[-1] if waits else timedelta(0)
        if error.code == "rateLimited":
            raise IssueError(Cause.RATE_LIMITED, _said(error), wait or _LIMITED) from None
        cause = Cause.UNREACHABLE if error.code in _OURS_TO_RETRY else Cause.REFUSED
        raise IssueError(cause, _said(error), wait) from None
    except errors.TimeoutError:
        raise IssueError(Cause.UNREACHABLE, "the authority did not come to a decision in time") from None
    except (errors.Error, requests.RequestException, josepy_errors.DeserializationError) as error:
        raise IssueError(Cause.UNREACHABLE, f"the authority cannot be reached: {error}") from None


def _said(error: messages.Error) -> str:
    return f"{error.code or error.typ}: {error.detail or 'no detail'}"
