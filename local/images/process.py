"""Running the programs that build images, so that none outlives this run and each failure can be told."""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from groundwork.errors import ExitCode, UserError

KEPT_LINES = 12
# In namespaces of its own a program leaves neither a process nor a mount behind, however this process ends: the first
# process of the namespace is killed when ours dies, and with it the kernel ends all others and undoes their mounts.
_CONFINED = ("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a program ended. `output`: stdout, with stderr in it as it came where they were not asked for apart."""

    code: int
    output: str
    errors: str = ""

    @property
    def tail(self) -> str:
        """The last lines, for an error."""
        lines = [line.rstrip() for line in (self.output + self.errors).splitlines() if line.strip()]
        return "\n".join(deque(lines, maxlen=KEPT_LINES))


def need(programs: Sequence[str]) -> None:
    """Raise `UserError` for programs that are not on PATH."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise UserError(
            what=f"building images needs {', '.join(missing)}, which this machine does not have",
            fix="run: groundwork doctor (on Debian: apt-get install mmdebstrap buildah)",
        )


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    keep_open: Sequence[int] = (),
    on_line: Callable[[str], None] = lambda _line: None,
) -> Outcome:
    """Run a program to its end; `on_line` gets each line as it comes.

    It ends when this process does, however that dies. Until it is gone it keeps the descriptors `keep_open`, so that a
    lock of ours is not free while a killed run's child still writes.
    """
    lines: list[str] = []
    with subprocess.Popen(
        [*_CONFINED, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=dict(env),
        pass_fds=tuple(keep_open),
    ) as process:
        if process.stdout is None:
            raise RuntimeError("no pipe")
        try:
            for line in process.stdout:
                lines.append(line)
                on_line(line.strip())
        except BaseException:
            process.kill()
            raise
    return Outcome(code=process.returncode, output="".join(lines))


def ask(command: Sequence[str]) -> Outcome:
    """Run a program that answers at once, its stdout and stderr apart."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    return Outcome(code=done.returncode, output=done.stdout, errors=done.stderr)


def failed(what: str, outcome: Outcome, *, where: str | None = None, fix: str | None = None) -> UserError:
    """The error for a program that failed: what was tried, and its last lines."""
    full = "no space left on device" in (outcome.output + outcome.errors).lower()
    return UserError(
        what=f"{what} (exit code {outcome.code}); its last lines:\n{outcome.tail}",
        where=where,
        fix="free some disk space and run it again" if full else fix,
        code=ExitCode.USAGE if full else ExitCode.ERROR,
    )
