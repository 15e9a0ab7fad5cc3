"""A cluster and a node for faults that are made of nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from loadtests.faults import ground
from tests.loadtests.recorded import Recorded

SERVICES = {"coredns": 71, "kubelet": 72, "kube-apiserver": 73, "containerd": 74}


@dataclass
class Host:
    """What faults did to the machine: `ran`, programs; `running`: the node's services and their processes."""

    ran: list[tuple[str, ...]] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)
    environments: list[dict[str, str]] = field(default_factory=list)
    running: dict[str, int | None] = field(
        default_factory=lambda: {"coredns": 71, "kubelet": 72, "kube-apiserver": 73, "containerd": 74}
    )

    def run(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
        """As `ground.run`. What it says: by a word of the command that is in `says`."""
        self.ran.append(tuple(command))
        self.environments.append(dict(environment or {}))
        return next((text for word, text in self.says.items() if word in command), "")

    def pid(self, name: str) -> int | None:
        return self.running[name]

    def stop(self, name: str) -> None:
        self.running[name] = None

    def start(self, name: str) -> None:
        if self.running[name] is None:
            self.running[name] = 99


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Faults ask this one; each container has a process of its own."""
    made = Recorded()
    numbers: dict[str, int] = {}
    monkeypatch.setattr(ground, "here", lambda: made)
    monkeypatch.setattr(ground, "process_of", lambda container: numbers.setdefault(container, 1000 + len(numbers)))
    monkeypatch.setattr(ground, "proxy", lambda pod, question: made.says(pod.name, (question,)))
    monkeypatch.setattr(ground, "inside", lambda container, *words: made.says(container, words))
    return made


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(ground, "run", made.run)
    monkeypatch.setattr(ground, "supervisord", lambda: made)
    return made
