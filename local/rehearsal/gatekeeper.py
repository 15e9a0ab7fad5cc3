"""Gatekeeper where no container runs: its program as a process, in the place of the pods that its Deployment has.

It is started with the pod's own arguments and account, and is given what a kubelet would give: certificates as files,
and the word that the pods are ready once it says so. What the API server asks of its Service comes here (passage.py).
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from components.admission.gatekeeper import ACCOUNT, ANSWERED, CERTIFICATE, NAMESPACE, PODS, SERVICE
from groundwork.errors import ExitCode, UserError
from local.cluster import Cluster
from local.rehearsal.beside import again
from local.rehearsal.passage import Passage

_END_SECONDS = 5.0
_LOG_LINES = 5
Pod = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Of 127.0.0.1; but `metrics` of every address, as the program has no flag for it."""

    webhook: int
    health: int
    metrics: int


@dataclass
class Standin:
    """The process, once there is a pod that it stands for. `folder`: its own, for what a kubelet would mount."""

    cluster: Cluster
    program: Path
    folder: Path
    passage: Passage
    ports: Ports
    process: subprocess.Popen[bytes] | None = None
    answered: set[str] = field(default_factory=set)

    def look(self) -> None:
        """One round of what a kubelet does all the time. Raises UserError where the cluster does not answer."""
        pods = [pod for pod in json.loads(json.dumps(self.cluster.items("pods", NAMESPACE))) if _stands(pod)]
        if not pods:
            return
        if self.process is None:
            self._start(pods[0])
        self._mount()
        if self.process is not None and self.process.poll() is None and self._is_ready():
            for name in [pod["metadata"]["name"] for pod in pods]:
                if name not in self.answered:
                    self.cluster.do("annotate", "pod", name, "-n", NAMESPACE, f"{ANSWERED}=by a process")
                    self.answered.add(name)

    def wrong(self) -> Iterator[str]:
        """What became of it, in words, where it does not answer."""
        if self.process is None:
            yield "Gatekeeper was not started: there is no pod of it"
        elif self.process.poll() is not None:
            said = self._log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
            yield f"Gatekeeper ended with {self.process.returncode}: {' '.join(said)}"

    @contextmanager
    def silent(self) -> Iterator[None]:
        """It answers nobody for as long as the block lasts, and goes on where it was."""
        if self.process is None or self.process.poll() is not None:
            yield
            return
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """It keeps nothing that could be lost."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=_END_SECONDS)

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _start(self, pod: Pod) -> None:
        service = json.loads(json.dumps(self.cluster.get("service", SERVICE, NAMESPACE)))
        if not service:
            return
        (self.folder / "certs").mkdir(parents=True, exist_ok=True)
        kubeconfig = self.folder / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(self._access(), "utf-8")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(self.program), *arguments(pod), *self._own()],
                env={**variables(pod), "KUBECONFIG": str(kubeconfig), "HOME": str(self.folder)},
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        for port in service["spec"]["ports"]:
            if port["port"] == 443:
                self.passage.ways[f"{service['spec']['clusterIP']}:443"] = self.ports.webhook

    def _own(self) -> list[str]:
        """What differs from the pod: a flag that is given twice means what it says last."""
        ports = self.ports
        return [
            "--host=127.0.0.1",
            f"--port={ports.webhook}",
            f"--health-addr=127.0.0.1:{ports.health}",
            f"--prometheus-port={ports.metrics}",
            f"--cert-dir={self.folder / 'certs'}",
        ]

    def _access(self) -> str:
        """The cluster by its account's own token: what its roles do not allow, it cannot do here either."""
        given = yaml.safe_load(self.cluster.kubeconfig.read_text("utf-8"))
        token = self.cluster.do("create", "token", ACCOUNT, "-n", NAMESPACE, "--duration=2h").strip()
        given["users"] = [{"name": user["name"], "user": {"token": token}} for user in given["users"]]
        return yaml.safe_dump(given)

    def _mount(self) -> None:
        """Its certificate, which it makes itself and keeps in a Secret."""
        secret = json.loads(json.dumps(self.cluster.get("secret", CERTIFICATE, NAMESPACE)))
        for name, value in ((secret or {}).get("data") or {}).items():
            file, content = self.folder / "certs" / str(name), base64.b64decode(value)
            if not file.exists() or file.read_bytes() != content:
                file.touch(mode=0o600)
                file.write_bytes(content)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports.health}/readyz", timeout=1) as answer:
                return int(answer.status) == 200
        except (OSError, urllib.error.URLError):
            return False


def _stands(pod: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether a node has the pod, it is of the webhook, and it is not on its way out."""
    labels = pod["metadata"].get("labels")
    has = isinstance(labels, Mapping) and PODS.items() <= labels.items()
    return has and bool(pod["spec"].get("nodeName")) and "deletionTimestamp" not in pod["metadata"]


def arguments(pod: Pod) -> Sequence[str]:
    """Of the pod's one container."""
    (container,) = json.loads(json.dumps(pod))["spec"]["containers"]
    return [str(each) for each in container["args"]]


def variables(pod: Pod) -> Mapping[str, str]:
    """Its container's environment, with what it takes of the pod's metadata."""
    text = json.loads(json.dumps(pod))
    known = {f"metadata.{key}": str(text["metadata"][key]) for key in ("name", "namespace")}
    found: dict[str, str] = {}
    for row in text["spec"]["containers"][0].get("env", []):
        value = row.get("value", "")
        place = row.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        if place is not None and place not in known:
            raise UserError(what=f"{row['name']}: a rehearsal knows nothing of {place}", code=ExitCode.ERROR)
        text_of = known[place] if place is not None else str(value)
        for name, earlier in found.items():
            text_of = text_of.replace(f"$({name})", earlier)
        found[str(row["name"])] = text_of
    return found


@contextmanager
def following(made: Standin) -> Iterator[Standin]:
    """Start it as soon as there is a pod of it, for as long as the block lasts."""
    try:
        with again(made.look):
            yield made
    finally:
        made.end()
