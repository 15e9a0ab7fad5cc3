"""How this machine reaches OpenBao in a cluster: through the API server, to one pod, whatever networks are between."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter

from components.secrets import server
from components.secrets.kinds import KINDS, Kind
from components.secrets.kinds import OPENBAO as OPENBAO_ITSELF
from components.secrets.names import API_PORT, AUDIENCE, KUBERNETES, NAMESPACE, OPENBAO, OPERATOR
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.cluster import Cluster
from local.secrets.api import Api
from local.secrets.life import leads, seal_of

RUNNING_SECONDS = 120.0
GONE_SECONDS = 120.0
_REVISION = "controller-revision-hash"
_Object = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The server of a cluster. `authority`: PEM, what its certificate must be signed by. `kind`: which one it is."""

    cluster: Cluster
    authority: str
    kind: Kind = OPENBAO_ITSELF

    def pods(self) -> list[str]:
        """Its nodes, in order."""
        return sorted(self.cluster.names("pods", NAMESPACE, f"app.kubernetes.io/name={OPENBAO}"))

    @contextmanager
    def node(self, pod: str) -> Iterator[Api]:
        """One node's API, asked by nobody. Raises UserError where it does not run."""
        command = [
            str(self.cluster.kubectl),
            "--kubeconfig",
            str(self.cluster.kubeconfig),
            "port-forward",
            "-n",
            NAMESPACE,
            f"pod/{pod}",
            f":{API_PORT}",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                first = process.stdout.readline() if process.stdout else ""
                port = re.search(r"127\.0\.0\.1:(\d+)", first)
                if port is None:
                    told = process.stderr.read().strip() if process.stderr else ""
                    raise UserError(
                        what=f"OpenBao's {pod} is not reached: {told}",
                        fix=f"kubectl get pods -n {NAMESPACE}",
                        code=ExitCode.ERROR,
                    )
                yield Api(f"https://localhost:{port[1]}", self.authority, kind=self.kind)
            finally:
                process.terminate()

    @contextmanager
    def any(self) -> Iterator[Api]:
        """The active node, otherwise the first that answers. A standby hands on most of what it is asked, no rekey."""
        pods = self.pods()
        if not pods:
            raise UserError(
                what="there is no OpenBao in this cluster", fix="add the layer `secrets` to the environment, then up"
            )
        with self.node(pods[0] if len(pods) == 1 else self._best(pods)) as api:
            yield api

    def _best(self, pods: Sequence[str]) -> str:
        answering: list[str] = []
        for pod in pods:
            try:
                with self.node(pod) as api:
                    sealed = seal_of(api).sealed
                    answering.append(pod)
                    if not sealed and leads(api):
                        return pod
            except UserError:
                continue
        return (answering or pods)[0]

    def wait_running(self) -> None:
        """Wait until every node's server runs, sealed or not. Raises UserError after two minutes."""

        def running() -> bool:
            found = self.cluster.items("pods", NAMESPACE)
            states = [_ready(pod) for pod in found if OPENBAO in _name(pod)]
            return bool(states) and all(states)

        if not wait_until(running, RUNNING_SECONDS):
            raise UserError(
                what="OpenBao's pods do not run",
                fix=f"kubectl describe pods -n {NAMESPACE}",
                code=ExitCode.ERROR,
            )

    def programs(self) -> dict[str, str]:
        """What each node runs, by its program's name."""
        commands = {_name(pod): _command(pod) for pod in self.cluster.items("pods", NAMESPACE)}
        return {pod: found for pod, command in commands.items() if (found := server.program_of(command)) is not None}

    def refuse_another(self) -> None:
        """Raise UserError where a node runs another server than is wanted: neither opens what the other has written."""
        for pod, program in self.programs().items():
            if program != self.kind.program:
                own = next((kind for kind in KINDS.values() if kind.program == program), None)
                raise UserError(
                    what=f"{pod} is {own.called if own else program}, and {self.kind.called} opens nothing of its data",
                    where=f"groundwork:secrets.server is {self.kind.name}",
                    allowed=own.name if own else ", ".join(KINDS),
                    fix="set it back; or begin anew, in an environment without secrets (docs/secrets.md)",
                )

    def outdated(self) -> list[str]:
        """The nodes that run by another template than is wanted now: an earlier version or configuration."""
        found = self.cluster.get("statefulset", OPENBAO, NAMESPACE) or {}
        wanted = _Object.validate_python(found.get("status") or {}).get("updateRevision")
        labels = {pod: _Object.validate_python(self._meta(pod).get("labels") or {}) for pod in self.pods()}
        return [pod for pod, own in labels.items() if own.get(_REVISION) != wanted]

    def replace(self, pod: str) -> None:
        """End a node's server and wait until its successor runs; it is sealed. Raises UserError."""
        before = self._meta(pod).get("uid")
        self.cluster.delete("pod", pod, NAMESPACE)
        if not wait_until(lambda: self._meta(pod).get("uid") not in {before, None}, GONE_SECONDS):
            raise UserError(
                what=f"{pod} does not come back", fix=f"kubectl get pods -n {NAMESPACE}", code=ExitCode.ERROR
            )
        self.wait_running()

    def token_of(self, account: str, namespace: str) -> str:
        """A short-lived token of a service account, for OpenBao alone. Who may ask for it: the cluster's own rules."""
        return self.cluster.token(account, namespace, AUDIENCE)

    def operator(self, api: Api) -> Api:
        """The same node, asked by the operator, whose token ends by itself."""
        return login(api, OPERATOR, self.token_of(OPERATOR, NAMESPACE))

    def _meta(self, pod: str) -> dict[str, JsonValue]:
        found = self.cluster.get("pod", pod, NAMESPACE) or {}
        return _Object.validate_python(found.get("metadata") or {})


def login(api: Api, role: str, token: str) -> Api:
    """Who a service account's token says, in a role. Raises Refused where it may not be."""
    answer = api.write(f"auth/{KUBERNETES}/login", {"role": role, "jwt": token})
    given = answer.get("auth")
    return api.as_(str(given["client_token"] if isinstance(given, dict) else ""))


def _name(pod: object) -> str:
    meta = pod.get("metadata") if isinstance(pod, dict) else None
    return str(meta.get("name", "")) if isinstance(meta, dict) else ""


def _command(pod: object) -> list[str]:
    spec = pod.get("spec") if isinstance(pod, dict) else None
    containers = spec.get("containers") if isinstance(spec, dict) else None
    first = containers[0] if isinstance(containers, list) and containers else None
    found = first.get("command") if isinstance(first, dict) else None
    return [str(word) for word in found] if isinstance(found, list) else []


def _ready(pod: object) -> bool:
    status = pod.get("status") if isinstance(pod, dict) else None
    conditions = status.get("conditions") if isinstance(status, dict) else None
    return any(
        isinstance(each, dict) and each.get("type") == "Ready" and each.get("status") == "True"
        for each in (conditions if isinstance(conditions, list) else [])
    )
