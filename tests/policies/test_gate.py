"""Exceptions, the gate's verdict, its reports, and what checkov is told."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from groundwork.errors import ExitCode, UserError
from groundwork.verdict import Outcome
from policies.analysis import HIDDEN, Findings, from_state
from policies.checkov.scan import scan, untranslated
from policies.checkov.terraform import blocks, plan, snake, terraform_type
from policies.exceptions import Exceptions, PolicyException
from policies.gate import Result, Tools, judge
from policies.report import Format, write
from policies.rule import Resource
from tests.policies.cases import DEPLOYMENT, SERVER, changed

TODAY = dt.date(2026, 1, 10)
URN = f"urn:pulumi:local::groundwork::{DEPLOYMENT}::server"
ROUTE = "kubernetes:networking.istio.io/v1:VirtualService"
IMAGE = ("spec", "template", "spec", "containers", 0, "image")
OURS = changed(SERVER, ("metadata", "namespace"), "groundwork-gateway")
BAD = Resource(type=DEPLOYMENT, urn=URN, name="server", props=changed(OURS, IMAGE, "nginx"), line="components/a.py:7")


def excepting(policy: str, expires: dt.date = TODAY, *, sometimes: bool = False) -> PolicyException:
    return PolicyException(
        policy=policy,
        resource="*::server",
        reason="for this test alone",
        owner="me",
        expires=expires,
        sometimes=sometimes,
    )


def exceptions(*listed: PolicyException) -> Exceptions:
    return Exceptions(listed=listed, today=TODAY)


def judged(*resources: Resource, listed: Exceptions | None = None) -> Result:
    return judge("local", {"local": resources}, tools=None, exceptions=listed or exceptions())


def test_a_breach_fails_and_says_where_and_how_to_mend_it() -> None:
    result = judged(BAD)
    assert result.verdict.outcome is Outcome.FAIL
    text = write(result, Format.TABLE)
    assert "k8s-image-digest  Deployment server  (components/a.py:7)" in text
    assert "fix: name the image" in text


def test_nothing_looked_at_is_inconclusive() -> None:
    assert judged().verdict.outcome is Outcome.INCONCLUSIVE


def test_an_exception_lets_pass_and_an_expired_one_fails() -> None:
    whole = ("k8s-image-*", "k8s-disruption-budget")
    assert judged(BAD, listed=exceptions(*map(excepting, whole))).verdict.outcome is Outcome.PASS
    expired = exceptions(*(excepting(policy, TODAY - dt.timedelta(days=1)) for policy in whole))
    result = judged(BAD, listed=expired)
    assert result.verdict.outcome is Outcome.FAIL
    assert "expired" in result.verdict.checks[-1].why


def test_an_exception_that_matches_nothing_is_named() -> None:
    listed = exceptions(excepting("k8s-rollout"), excepting("k8s-labels", sometimes=True))
    assert [each.policy for each in listed.unmatched([("k8s-labels", "urn::other")], "local")] == ["k8s-rollout"]
    assert listed.unmatched([("k8s-rollout", URN)], "local") == ()
    assert listed.unmatched([], "prod") == ()  # it has none of the objects that the exception is about


@pytest.mark.parametrize("text", ["[]", "exceptions: [{policy: a}]", "exceptions: [{policy: a, until: never}]", "{"])
def test_a_file_of_exceptions_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "exceptions.yaml"
    file.write_text(text)
    with pytest.raises(UserError):
        Exceptions.read(file)


def route(tenant: str, host: str) -> Resource:
    spec = {"hosts": [host], "gateways": ["front/public"]}
    props = {"metadata": {"name": tenant, "namespace": tenant}, "spec": spec}
    return Resource(type=ROUTE, urn=f"urn:{tenant}", name=tenant, props=props)


def test_a_host_that_two_tenants_stacks_have_is_found() -> None:
    for host, expected in (("acme.test", 1), ("globex.test", 0)):
        graphs = {"local.acme": [route("acme", "acme.test")], "local.globex": [route("globex", host)]}
        result = judge("local", graphs, tools=None, exceptions=exceptions())
        assert sum(row.policy == "tenant-hosts-unique" for row in result.rows) == expected


def test_machines_can_read_it() -> None:
    result = judged(BAD)
    found = json.loads(write(result, Format.JSON))
    assert found["verdict"]["outcome"] == "fail"
    sarif = json.loads(write(result, Format.SARIF))["runs"][0]["results"]
    place = next(each for each in sarif if each["ruleId"] == "k8s-image-digest")["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("components/a.py", 7)
    suite = ET.fromstring(write(result, Format.JUNIT))  # noqa: S314 – our own text
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) > 0


def test_a_state_is_read_without_secrets_and_with_the_line_that_made_it() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    frames = ["project:///.venv/lib/pulumi/stack.py#1", "project:///../w/components/gateway/edge.py#12"]
    trace = [{"sourcePosition": frame} for frame in frames]
    row: dict[str, object] = {"urn": URN, "type": DEPLOYMENT, "inputs": {"a": secret}, "stackTrace": trace}
    (found,) = from_state({"resources": [row, row | {"delete": True}, row | {"external": True}]})
    assert found.props == {"a": HIDDEN}
    assert found.line == "components/gateway/edge.py:12"


def test_what_stops_is_refused_with_the_fix() -> None:
    with pytest.raises(UserError) as caught:
        Findings.of([BAD], exceptions()).refuse("local")
    assert caught.value.code is ExitCode.FAIL
    assert "[k8s-image-digest]" in str(caught.value)


def test_resources_get_terraforms_names() -> None:
    assert snake("kmsKeyId") == "kms_key_id"
    assert blocks({"rules": [{"allOf": 1}], "tags": {"aB": "c"}, "ids": ["x"]}) == {
        "rule": [{"all_of": 1}], "tags": {"aB": "c"}, "ids": ["x"],
    }  # fmt: skip
    bucket = Resource(type="aws:s3/bucket:Bucket", urn="urn:b", name="b", props={"forceDestroy": True})
    assert json.loads(json.dumps(plan([bucket])))["planned_values"]["root_module"]["resources"] == [
        {
            "address": "urn:b",
            "mode": "managed",
            "type": "aws_s3_bucket",
            "name": "urn:b",
            "values": {"force_destroy": True},
        }
    ]


def test_a_type_that_checkov_cannot_be_told_of_is_named() -> None:
    odd = Resource(type="aws:odd/thing:Thing", urn="urn:o", name="o", props={})
    assert terraform_type(odd.type) is None
    assert untranslated([odd, BAD]) == ("aws:odd/thing:Thing",)


def report(framework: str, passed: int, unread: Sequence[str] = ()) -> dict[str, object]:
    results = {"failed_checks": [], "parsing_errors": list(unread)}
    return {"check_type": framework, "results": results, "summary": {"passed": passed, "failed": 0}}


@pytest.mark.parametrize(
    ("answer", "unread"),
    [
        ([report("kubernetes", 3), report("terraform_plan", 2)], []),
        ([report("kubernetes", 3)], ["terraform_plan (no check was made)"]),
        ([report("kubernetes", 0), report("terraform_plan", 2)], ["kubernetes (no check was made)"]),
        ([report("kubernetes", 3, ["/x/0.yaml"]), report("terraform_plan", 2)], [URN]),
        (report("terraform_plan", 2), ["kubernetes (no check was made)"]),
    ],
)
def test_what_checkov_did_not_look_at_is_named(answer: object, unread: list[str], tmp_path: Path) -> None:
    program = tmp_path / "checkov"
    program.write_text(f"#!{sys.executable}\nprint({json.dumps(answer)!r})\n")
    program.chmod(0o700)
    deployment = Resource(type=DEPLOYMENT, urn=URN, name="server", props={**SERVER, "apiVersion": "apps/v1"})
    bucket = Resource(type="aws:s3/bucket:Bucket", urn="urn:b", name="b", props={"forceDestroy": True})
    seen = scan(program, [deployment, bucket], None)
    assert list(seen.unread) == unread
    # and the gate does not pass by it
    silent = tmp_path / "gator"
    silent.write_text("#!/bin/sh\necho null\n")
    silent.chmod(0o700)
    tools = Tools(checkov=lambda: program, gator=lambda: silent, checkout=None)
    result = judge("local", {"local": [deployment]}, tools=tools, exceptions=exceptions())
    said = next(stage for stage in result.stages if stage.name == "checkov").problems
    of_objects = [each for each in unread if "terraform_plan" not in each]
    assert [problem for problem in said if "not looked at" in problem] == [
        f"not looked at by checkov: {each}" for each in of_objects
    ]
