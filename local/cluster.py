"""Questions to a cluster, asked through kubectl."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import ExitCode, UserError

OUR_MANAGER = "pulumi-kubernetes"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster that `kubeconfig` reaches. `kubectl`: the program."""

    kubectl: Path
    kubeconfig: Path

    def made_by_pulumi(self, inputs: Mapping[str, object]) -> bool:
        """Whether the object exists and the Pulumi provider is one of its field managers."""
        wanted = json.dumps({key: inputs.get(key) for key in ("apiVersion", "kind", "metadata")})
        answer = self._run("get", "-f", "-", "--ignore-not-found", "--show-managed-fields", "-o", "json", stdin=wanted)
        if not answer.strip():
            return False
        found = json.loads(answer)
        managers = [manager for item in found.get("items", [found]) for manager in item["metadata"]["managedFields"]]
        return any(manager["manager"].startswith(OUR_MANAGER) for manager in managers)

    def items(self, kinds: str, namespace: str | None = None) -> list[Mapping[str, object]]:
        """Objects of some kinds (`tenants.groundwork.internal,pods`), in one namespace or all. Raises UserError."""
        place = ("-A",) if namespace is None else ("-n", namespace)
        found = json.loads(self._run("get", kinds, *place, "--ignore-not-found", "-o", "json") or '{"items": []}')
        items: list[Mapping[str, object]] = found["items"]
        return items

    def get(self, kind: str, name: str, namespace: str | None = None) -> Mapping[str, object] | None:
        """One object; None where there is none. Raises UserError."""
        place = () if namespace is None else ("-n", namespace)
        answer = self._run("get", kind, name, *place, "--ignore-not-found", "-o", "json")
        found: Mapping[str, object] | None = json.loads(answer) if answer.strip() else None
        return found

    def names(self, kind: str, namespace: str, selector: str) -> list[str]:
        """The names of the objects that a label selector finds. Raises UserError."""
        return self._run(
            "get", kind, "-n", namespace, "-l", selector, "-o", "jsonpath={.items[*].metadata.name}"
        ).split()

    def apply(self, wanted: Mapping[str, object]) -> None:
        """Make or change one object, which goes over a pipe. Raises UserError."""
        self._run("apply", "--server-side", "--field-manager=groundwork", "-f", "-", stdin=json.dumps(wanted))

    def refusal(self, wanted: Mapping[str, object]) -> str:
        """What the API server has against making an object, asked in a dry run; empty where it would be made."""
        try:
            self._run("create", "--dry-run=server", "-f", "-", stdin=json.dumps(wanted))
        except UserError as error:
            return error.what
        return ""

    def delete(self, kind: str, name: str, namespace: str) -> None:
        """Delete one object, if it is there. Raises UserError."""
        self._run("delete", kind, name, "-n", namespace, "--ignore-not-found", "--wait=false")

    def execute(
        self, pod: str, namespace: str, container: str, command: Sequence[str], stdin: str | None = None
    ) -> str:
        """What a program in a container writes. `stdin`: what it reads. Raises UserError."""
        interactive = () if stdin is None else ("-i",)
        return self._run("exec", *interactive, pod, "-n", namespace, "-c", container, "--", *command, stdin=stdin)

    def token(self, account: str, namespace: str, audience: str) -> str:
        """A token of a service account, good for ten minutes and for one audience. Raises UserError."""
        return self._run("create", "token", account, "-n", namespace, "--audience", audience, "--duration=10m").strip()

    def do(self, *arguments: str) -> str:
        """What any other order to kubectl writes. Raises UserError."""
        return self._run(*arguments)

    def raw(self, path: str) -> str:
        """What the API server answers at a path. Raises UserError."""
        return self._run("get", "--raw", path)

    def answers(self) -> bool:
        """Whether the API server is there and ready."""
        try:
            return self._run("get", "--raw", "/readyz").strip() == "ok"
        except UserError:
            return False

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        command = [str(self.kubectl), "--kubeconfig", str(self.kubeconfig), "--request-timeout=20s", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise UserError(
                what=done.stderr.strip() or f"kubectl ended with {done.returncode}",
                where=f"cluster of {self.kubeconfig}",
                fix="check that the cluster runs and that the kubeconfig is right (groundwork doctor)",
                code=ExitCode.ERROR,
            )
        return done.stdout
