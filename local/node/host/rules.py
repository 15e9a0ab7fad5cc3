"""iptables: the node's own forwarding rules, and which rules are the node's when it is taken down."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from local.node_agent import kernel
from local.node_agent.table import FAMILY, NAME

FAMILIES = {"ip": "iptables", "ip6": "ip6tables"}
MARK = "groundwork"  # the name of the CNI network, and the comment of our own rules
PORTMAP = "CNI-HOSTPORT-DNAT"
BUILT_IN = {"INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"}


@dataclass(frozen=True)
class Rule:
    """A rule as `iptables-save` writes it ("-A chain …"); it is given back in the same words, quoted the same way."""

    line: str

    @cached_property
    def words(self) -> list[str]:
        """The rule's words, unquoted."""
        return shlex.split(self.line)

    @property
    def chain(self) -> str:
        """The chain the rule is in."""
        return self.words[1]

    @property
    def target(self) -> str:
        """Where it jumps to; empty where it does not."""
        return self._after("-j") or self._after("-g")

    @property
    def is_marked(self) -> bool:
        """Whether its comment says that it is of the node's network."""
        comment = self._after("--comment")
        return comment == MARK or f'name: "{MARK}"' in comment

    def _after(self, option: str) -> str:
        return self.words[self.words.index(option) + 1] if option in self.words else ""


@dataclass
class Table:
    """One table of `iptables-save`."""

    name: str
    chains: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)


def parse(saved: str) -> list[Table]:
    """The tables of an `iptables-save` output."""
    tables: list[Table] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            tables.append(Table(line[1:].strip()))
        elif line.startswith(":"):
            tables[-1].chains.append(line[1:].split()[0])
        elif line.startswith("-A "):
            tables[-1].rules.append(Rule(line))
    return tables


def removal(saved: str, foreign_chains: Iterable[str]) -> str:
    """What to feed `iptables-restore --noflush` so that the node's chains and rules go and all others stay.

    The node's: chains KUBE-*, the CNI chains of its network, and rules that jump to those or bear its comment.
    `foreign_chains`: names that were there before the node, which stay whatever they are called.
    """
    lines: list[str] = []
    for table in parse(saved):
        own = _own_chains(table) - set(foreign_chains)
        outside = [rule for rule in table.rules if rule.chain not in own and (rule.target in own or rule.is_marked)]
        if own or outside:
            lines.append(f"*{table.name}")
            lines.extend("-D " + rule.line.removeprefix("-A ") for rule in outside)
            lines.extend(f"-F {chain}" for chain in sorted(own))
            lines.extend(f"-X {chain}" for chain in sorted(own))
            lines.append("COMMIT")
    return "\n".join([*lines, ""]) if lines else ""


def _own_chains(table: Table) -> set[str]:
    own = {chain for chain in table.chains if chain.startswith("KUBE-")}
    own |= {rule.target for rule in table.rules if rule.is_marked and rule.target.startswith("CNI-")}
    # portmap's shared chains stay for as long as another network has ports in them.
    if all(rule.target in own for rule in table.rules if rule.chain == PORTMAP):
        own |= {chain for chain in table.chains if chain.startswith("CNI-HOSTPORT-")}
    return own


def forwarding(bridge: str) -> list[list[str]]:
    """Rules that let pods out and answers in where the host's policy is to drop: arguments after -A or -C."""
    comment = ["-m", "comment", "--comment", MARK]
    answers = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
    return [
        ["FORWARD", "-i", bridge, *comment, "-j", "ACCEPT"],
        ["FORWARD", "-o", bridge, *answers, *comment, "-j", "ACCEPT"],
    ]


def ensure_forwarding(bridge: str) -> bool:
    """Have those rules; true when one had to be added."""
    missing = [rule for rule in forwarding(bridge) if not _run("iptables", "-w", "-C", *rule)]
    for rule in missing:
        subprocess.run(["iptables", "-w", "-A", *rule], check=True, capture_output=True, text=True)
    return bool(missing)


def chains() -> list[str]:
    """The names of all chains of both families that look like Kubernetes' or CNI's."""
    found = {chain for tool in FAMILIES.values() for table in parse(_saved(tool)) for chain in table.chains}
    return sorted(chain for chain in found if chain.startswith(("KUBE-", "CNI-")))


def nft_tables() -> list[str]:
    """The nftables tables, as "family name"."""
    if shutil.which("nft") is None:
        return []
    listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
    return sorted(line.removeprefix("table ") for line in listed.splitlines() if line.startswith("table "))


def remove(foreign_chains: Iterable[str], foreign_tables: Iterable[str]) -> bool:
    """Remove the node's rules, and the iptables tables that it was the first to use, when nothing is left in them."""
    changed = False
    for family, tool in FAMILIES.items():
        script = removal(_saved(tool), foreign_chains)
        if script:
            _restore(tool, script)
            changed = True
        for table in parse(_saved(tool)):
            name = f"{family} {table.name}"
            unused = not table.rules and set(table.chains) <= BUILT_IN
            if unused and name not in foreign_tables and name in nft_tables():
                changed |= _run("nft", "delete", "table", *name.split())
    return changed


def remove_policies() -> bool:
    """Remove the node agent's table of network policies, which outlives it; true when it was there."""
    there = f"{FAMILY} {NAME}" in nft_tables()
    if there:
        kernel.remove()
    return there


def _saved(tool: str) -> str:
    if shutil.which(f"{tool}-save") is None:
        return ""
    return subprocess.run([f"{tool}-save"], capture_output=True, text=True, check=False).stdout


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _restore(tool: str, script: str) -> None:
    command = [f"{tool}-restore", "-w", "--noflush"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
