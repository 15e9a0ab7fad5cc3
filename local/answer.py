"""The end of an `up`: ask the agents, and show where they all are."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.cluster import Cluster
from local.front_door import FrontDoor, front_door
from local.paths import Paths
from local.record import Way
from local.up import Outcome, cluster_of

ANSWER_SECONDS = 120.0
QUESTION = {"input": "Hello, are you there?"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an agent said over HTTPS. `milliseconds`: of the whole request."""

    agent: str
    output: str
    milliseconds: float


@dataclass(frozen=True, kw_only=True)
class AgentRow:
    """One agent, as the stack's output `agents` has it. `state`: up or suspended."""

    tenant: str
    agent: str
    tier: str
    address: str
    state: str = "up"


def agents(outputs: object) -> list[AgentRow]:
    """The agents of an environment, from its stacks' outputs."""
    rows = outputs.get("agents") if isinstance(outputs, Mapping) else None
    if not isinstance(rows, Mapping):
        return []
    return [AgentRow(**{key: str(value) for key, value in row.items()}) for row in rows.values()]


def missing(outputs: object) -> Mapping[str, str]:
    """What the environment's stacks declare but do not run: its name → why, and what stands in for it."""
    rows = outputs.get("not here") if isinstance(outputs, Mapping) else None
    return {str(name): str(why) for name, why in rows.items()} if isinstance(rows, Mapping) else {}


def first_answer(outcome: Outcome, paths: Paths, progress: Progress) -> list[Answer]:
    """Ask every agent one question. Empty where no container runs or the agents are not reached from here.

    Raises UserError when an agent has not answered after two minutes, with what came instead.
    """
    rows = [row for row in agents(outcome.outputs) if row.state == "up"]
    if outcome.record.way is not Way.REAL or not rows:
        return []
    return ask_all(rows, cluster_of(outcome.record, paths), progress)


def ask_all(rows: Sequence[AgentRow], cluster: Cluster, progress: Progress) -> list[Answer]:
    """Ask agents one question each. Raises UserError as `first_answer` does."""
    answers = []
    with progress.step("asking the agents") as step:
        step.update("waiting for the certificate authority")
        with front_door(cluster, [row.tenant for row in rows]) as door:
            for row in rows:
                step.update(f"{row.tenant}/{row.agent}")
                answers.append(_ask(row, door))
    return answers


def _ask(row: AgentRow, door: FrontDoor) -> Answer:
    import httpx

    answers: list[Answer] = []
    last = "nothing"

    def answered() -> bool:
        nonlocal last
        try:
            response = door.post(row.tenant, f"{row.address}/v1/invoke", QUESTION)
        except httpx.HTTPError as error:
            last = str(error) or type(error).__name__
            return False
        if response.is_success:
            milliseconds = response.elapsed.total_seconds() * 1000
            output = str(response.json().get("output", ""))
            answers.append(Answer(agent=f"{row.tenant}/{row.agent}", output=output, milliseconds=milliseconds))
        last = f"HTTP {response.status_code}: {response.text[:500]}"
        return response.is_success

    if not wait_until(answered, ANSWER_SECONDS):
        raise UserError(
            what=f"no answer in {ANSWER_SECONDS:.0f} s; the last was: {last}",
            where=f"{row.tenant}/{row.agent} at {row.address}",
            fix=f"kubectl logs -n {row.tenant} deploy/{row.agent}, with KUBECONFIG=$(groundwork kubeconfig)",
            code=ExitCode.ERROR,
        )
    return answers[-1]


def show(outcome: Outcome, answers: list[Answer]) -> None:
    """A table of addresses, what was answered, what is not real, and one command to try."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    by_agent = {answer.agent: answer for answer in answers}
    table = Table("agent", "tier", "answered in", "address", title=f"{outcome.record.stack}", title_justify="left")
    table.columns[-1].overflow = "fold"
    for row in agents(outcome.outputs):
        table.add_row(f"{row.tenant}/{row.agent}", row.tier, _answered(row, by_agent), row.address)
    for name, why in missing(outcome.outputs).items():
        table.add_row(name, "–", "not here", why)
    console.print(table)
    for line in _next(outcome, answers):
        console.print(line, markup=False, soft_wrap=True)


def as_json(outcome: Outcome) -> dict[str, object]:
    """The outcome for machines."""
    return {
        "environment": outcome.record.stack,
        "way": outcome.record.way,
        "kubeconfig": str(outcome.record.kubeconfig),
        "changed": outcome.changed,
        "seconds": round(outcome.seconds, 3),
        "stacks": {
            stack.stack: {"changed": stack.changed, "seconds": round(stack.seconds, 3)} for stack in outcome.stacks
        },
        "outputs": dict(outcome.outputs),
    }


def _answered(row: AgentRow, answers: Mapping[str, Answer]) -> str:
    answer = answers.get(f"{row.tenant}/{row.agent}")
    if answer is not None:
        return f"{answer.milliseconds:.0f} ms"
    return "suspended" if row.state == "suspended" else "–"


def _next(outcome: Outcome, answers: list[Answer]) -> list[str]:
    rows = agents(outcome.outputs)
    if not rows:
        return ["No agents are declared: groundwork tenant add NAME (docs/tenants.md)."]
    first = next((row for row in rows if row.state == "up"), None)
    if first is None:
        return []
    if outcome.record.way is Way.REAL:
        said = [f"{answers[0].agent} said: {answers[0].output}", ""] if answers else []
        return [*said, f"Try: {_curl(first, 443)}"]
    if outcome.record.way is Way.SIMULATED:
        return [
            "Not real here: the node and its pods. No container runs, so no agent answers and no log is written.",
            "Real: API server, etcd, scheduler, controllers, admission, and all that the engine created.",
            "",
            f"Try: KUBECONFIG={outcome.record.kubeconfig} kubectl get pods -A",
        ]
    forward = (
        f"kubectl --kubeconfig {outcome.record.kubeconfig} -n groundwork-gateway port-forward svc/gateway 8443:443"
    )
    return ["Try: " + forward, f"     {_curl(first, 8443)}"]


def _curl(row: AgentRow, port: int) -> str:
    """One command that asks the agent, on this machine and with no name server."""
    host = urlsplit(row.address).hostname
    address = row.address if port == 443 else row.address.replace(f"https://{host}", f"https://{host}:{port}")
    return (
        f'curl -s --resolve {host}:{port}:127.0.0.1 --cacert "$(groundwork domain ca)"'
        f' -H "x-api-key: $(groundwork key create {row.tenant} --expires 1h)"'
        f" -H 'content-type: application/json' -d {shlex.quote(json.dumps(QUESTION))} {address}/v1/invoke"
    )
