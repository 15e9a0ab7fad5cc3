"""The policy gate on a bill before it is applied: what its own commit's program asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.errors import ExitCode, UserError
from local.paths import CHECKOUT
from promotion.bill import PARTS, Bill, hashes

if TYPE_CHECKING:
    from policies.gate import Result, Tools


def judge_bill(bill: Bill, tree: Path, stacks: Sequence[str], place: str, tools: Tools) -> Result:
    """Pack, admission's rules and checkov on the programs of some stacks. `tree`: the work tree of the bill's commit.

    It is this process's program that is run, and must be the bill's. Raises UserError where it is not.
    """
    from policies.analysis import from_program
    from policies.exceptions import Exceptions
    from policies.gate import judge
    from promotion.evidence import BILL
    from stacks.graph import graphs_of

    here = hashes(CHECKOUT, (*PARTS["program"], *PARTS["policies"]))
    wrong = [name for name, digest in {**bill.program, **bill.policies}.items() if here.get(name) != digest]
    if wrong:
        raise UserError(
            what=f"the bill has another program or other policies than this checkout: {wrong[0]}", code=ExitCode.ERROR
        )
    graphs = {stack: from_program(graph) for stack, graph in graphs_of(stacks, tree).items()}
    return judge(place, graphs, tools=tools, exceptions=Exceptions.read(), about={BILL: bill.digest})
