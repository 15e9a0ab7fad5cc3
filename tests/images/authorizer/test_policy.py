"""The policy's own tests, run by OPA."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.images.authorizer.world import POLICY, opa_program

pytestmark = pytest.mark.engine


def test_the_policys_own_tests_pass_and_reach_every_line() -> None:
    command = [str(opa_program()), "test", "--coverage", "--format=json", str(POLICY.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    covered = json.loads(done.stdout)["files"][str(POLICY)]
    assert covered.get("not_covered", []) == []


def test_the_policy_is_checked_strictly_and_in_form() -> None:
    program = str(opa_program())
    subprocess.run([program, "check", "--strict", str(POLICY.parent)], check=True)
    changed = subprocess.run([program, "fmt", "--list", str(POLICY.parent)], capture_output=True, text=True, check=True)
    assert changed.stdout == ""
