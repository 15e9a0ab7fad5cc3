"""The end of an `up`: ask an agent, and show where they all are."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.record import Way
from local.up import Outcome

ANSWER_SECONDS = 60.0
QUESTION = {"input": "Hello, are you there?"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an agent said over HTTP. `milliseconds`: of the whole request."""

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

    @property
    def reached_from_here(self) -> bool:
        """Whether it has an address outside the cluster, and pods."""
        return self.state == "up" and self.address.startswith(("https://", "http://127.0.0.1:"))


def agents(outputs: object) -> list[AgentRow]:
    """The agents of an environment, from its stack's outputs."""
    rows = outputs.get("agents") if isinstance(outputs, Mapping) else None
    if not isinstance(rows, Mapping):
        return []
    return [AgentRow(**{key: str(value) for key, value in row.items()}) for row in rows.values()]


def first_answer(outcome: Outcome, progress: Progress) -> list[Answer]:
    """Ask every agent one question. Empty where no container runs or the agents are not reached from here.

    Raises UserError when an agent has not answered after a minute, with what came instead.
    """
    if outcome.record.way is not Way.REAL:
        return []
    answers = []
    with progress.step("asking the agents") as step:
        for row in filter(lambda row: row.reached_from_here, agents(outcome.outputs)):
            step.update(f"{row.tenant}/{row.agent}")
            answers.append(_ask(row))
    return answers


def _ask(row: AgentRow) -> Answer:
    import httpx

    answers: list[Answer] = []
    last = "nothing"

    def answered() -> bool:
        nonlocal last
        try:
            response = httpx.post(f"{row.address}/v1/invoke", json=QUESTION, timeout=10)
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
    table = Table(
        "tenant", "agent", "tier", "address", "answered in", title=f"{outcome.record.stack}", title_justify="left"
    )
    for row in agents(outcome.outputs):
        table.add_row(row.tenant, row.agent, row.tier, row.address, _answered(row, by_agent))
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
    first = next((row for row in rows if row.reached_from_here), rows[0])
    if outcome.record.way is Way.REAL:
        if not answers:
            return []
        return [f"{answers[0].agent} said: {answers[0].output}", "", f"Try: {_curl(first.address)}"]
    if outcome.record.way is Way.SIMULATED:
        return [
            "Not real here: the node and its pods. No container runs, so no agent answers and no log is written.",
            "Real: API server, etcd, scheduler, controllers, admission, and all that the engine created.",
            "",
            f"Try: KUBECONFIG={outcome.record.kubeconfig} kubectl get pods -A",
        ]
    forward = (
        f"kubectl --kubeconfig {outcome.record.kubeconfig} -n {first.tenant} port-forward svc/{first.agent} 8080:80"
    )
    return ["Try: " + forward, f"     {_curl('http://127.0.0.1:8080')}"]


def _curl(address: str) -> str:
    return f"curl -s -H 'content-type: application/json' -d {shlex.quote(json.dumps(QUESTION))} {address}/v1/invoke"
