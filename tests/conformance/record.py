"""Record scenarios with any plugin, and compare: `python -m tests.conformance.record SCENARIO --plugin P --out DIR`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from pydantic import ValidationError

from local.toolchain import ENGINE
from tests.conformance.compare import compare
from tests.conformance.model import Recording, home, read, write
from tests.conformance.recorder import Bench, record
from tests.conformance.setting import default_kubeconfig, default_plugin, tools


def main(arguments: list[str] | None = None) -> int:
    """0 where everything asked for conforms or was recorded anew, 1 where something differs, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    named = [options.home / f"{name}.json" for name in options.scenario]
    scripts = named or sorted(options.home.glob("*.json"))
    bench = Bench(plugin=options.plugin.resolve(), kubeconfig=options.kubeconfig.resolve(), home=options.home.resolve())
    wrong = 0
    for path in scripts:
        try:
            script = read(path)
        except (OSError, ValidationError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 2
        with tools((*ENGINE, "kubectl")), tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            got = record(script, bench, Path(folder))
        if options.out is not None:
            write(got, options.out)
        wrong += _report(script, got)
    return 1 if wrong else 0


def _report(script: Recording, got: Recording) -> int:
    """Print what differs; a script without results has nothing to compare with."""
    if all(step.up is None for step in script.steps):
        print(f"recorded  {script.scenario}", flush=True)
        return 0
    seconds = sum(step.up.seconds or 0.0 for step in got.steps if step.up is not None) + (got.destroy.seconds or 0.0)
    found = compare(script, got)
    print(f"{'FAIL' if found else 'ok'}  {script.scenario}  {seconds:.0f} s", flush=True)
    for difference in found:
        print(f"  {difference}", flush=True)
    return len(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.record", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="names of recordings; all if there are none")
    parser.add_argument("--plugin", type=Path, default=default_plugin(), help="a pulumi-resource-kubernetes program")
    parser.add_argument("--kubeconfig", type=Path, default=default_kubeconfig(), help="an administrator of the cluster")
    parser.add_argument("--home", type=Path, default=home(), help="folder of the recordings and their program")
    parser.add_argument("--out", type=Path, help="write what was recorded to this folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
