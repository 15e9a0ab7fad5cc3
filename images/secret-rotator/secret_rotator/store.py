"""OpenBao's store as the rotator sees it. Nothing of a request or an answer is ever logged."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

TENANTS = "tenants/"
SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """A secret's metadata. `path`: below the mount; `written`: seconds since 1970; `notes`: its custom metadata."""

    path: str
    version: int
    written: float
    notes: Mapping[str, object]

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.path.split("/")[1]

    @property
    def name(self) -> str:
        """What its tenant calls it."""
        return self.path.split("/", 2)[2]


class Store:
    """Asked with the token of this pod's service account. Every method raises httpx.HTTPError."""

    def __init__(self, address: str, authority: Path, token: Path, role: str, mount: str) -> None:
        context = ssl.create_default_context(cafile=str(authority))
        self._client = httpx.Client(base_url=f"{address}/v1/", verify=context, timeout=SECONDS, trust_env=False)
        self._token, self._role, self._mount = token, role, mount

    def login(self) -> None:
        """A token of OpenBao's, for a quarter of an hour: taken anew for each round."""
        body = {"role": self._role, "jwt": self._token.read_text("utf-8")}
        answer = self._client.post("auth/kubernetes/login", json=body).raise_for_status()
        self._client.headers["X-Vault-Token"] = answer.json()["auth"]["client_token"]

    def logout(self) -> None:
        """End the token, which nobody needs until the next round."""
        self._client.post("auth/token/revoke-self", json={})

    def secrets(self, folder: str = TENANTS) -> Iterator[Found]:
        """Every tenant's secrets."""
        answer = self._client.request("LIST", f"{self._mount}/metadata/{folder}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return
        for name in answer.raise_for_status().json()["data"]["keys"]:
            if name.endswith("/"):
                yield from self.secrets(folder + name)
            elif (found := self._found(folder + name)) is not None:
                yield found

    def read(self, found: Found) -> dict[str, str]:
        """Its fields."""
        answer = self._client.get(f"{self._mount}/data/{found.path}").raise_for_status()
        return dict(answer.json()["data"]["data"])

    def write(self, found: Found, fields: Mapping[str, str]) -> None:
        """A new version, unless somebody wrote one since."""
        body = {"data": dict(fields), "options": {"cas": found.version}}
        self._client.post(f"{self._mount}/data/{found.path}", json=body).raise_for_status()

    def note(self, found: Found, rotated_at: float) -> None:
        """When its present value was made."""
        notes = {**found.notes, "rotated_at": f"{rotated_at:.0f}"}
        self._client.post(f"{self._mount}/metadata/{found.path}", json={"custom_metadata": notes}).raise_for_status()

    def _found(self, path: str) -> Found | None:
        """None where its last version was deleted."""
        told = self._client.get(f"{self._mount}/metadata/{path}").raise_for_status().json()["data"]
        last = told["versions"].get(str(told["current_version"]))
        if last is None or last["deletion_time"] or last["destroyed"]:
            return None
        written = datetime.fromisoformat(last["created_time"][:19] + "+00:00").timestamp()
        return Found(path=path, version=told["current_version"], written=written, notes=told["custom_metadata"] or {})
