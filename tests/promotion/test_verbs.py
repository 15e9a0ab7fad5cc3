"""The command line, with keys and files of its own; and the bill of a checkout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from groundwork.cli import app
from groundwork.errors import ExitCode, UserError
from groundwork.verdict import Check, Outcome, Verdict
from local.cluster import Cluster
from promotion import desk
from promotion.bill import Bill, sha256
from promotion.here import pin_images, running_images, work_tree
from promotion.making import make_bill
from promotion.signing import Signer, read_principals
from stacks.bills_settings import BillsSettings, SignedBill
from stacks.rollout import Rollout
from tests.promotion.made import NOW, verdict

IMAGE = f"localhost/groundwork/agent-runtime@{sha256(b'image')}"
ROLES = {"alice": ["author", "approver"], "bob": ["approver"], "ci": ["collector", "operator"], "carol": ["overrider"]}


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def refused(*arguments: str) -> UserError:
    result = ran(*arguments)
    assert isinstance(result.exception, UserError), result.output
    return result.exception


@pytest.fixture
def bill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Four people with keys that `groundwork principal create` made, and a bill of alice's."""
    trusted = tmp_path / "principals.yaml"
    monkeypatch.setenv("GROUNDWORK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GROUNDWORK_PRINCIPALS", str(trusted))
    document: dict[str, dict[str, dict[str, object]]] = {"principals": {}}
    for name, roles in ROLES.items():
        made = yaml.safe_load(ran("principal", "create", name).output)
        document["principals"][name] = {**made[name], "roles": roles}
    trusted.write_text(yaml.safe_dump(document), "utf-8")
    found = made_bill()
    desk.office().keep(desk.keys().signer("alice").sign("bill", found), found.digest)
    return found.digest


def made_bill(source: str = "0" * 40) -> Bill:
    nothing: dict[str, str] = {}
    return Bill(
        author="alice",
        made=NOW,
        source=source,
        images={"agent-runtime": IMAGE},
        charts=nothing,
        settings=nothing,
        policies=nothing,
        program=nothing,
        sboms=nothing,
    )


def test_keys_are_their_owners_alone(bill: str) -> None:
    assert bill
    for file in desk.keys().folder.glob("*.pem"):
        assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(UserError, match="others may read"):
        desk.keys().signer(file.stem)
    assert "has a key already" in str(refused("principal", "create", "alice"))


def test_approvals(bill: str) -> None:
    assert refused("approve", "last", "checkout", "local", "--as", "alice").code is ExitCode.FAIL
    assert "not among its roles" in str(refused("approve", "last", "checkout", "local", "--as", "ci"))
    assert "no key of 'mallory'" in str(refused("approve", "last", "checkout", "local", "--as", "mallory"))
    result = ran("approve", bill[7:19], "checkout", "local", "--as", "bob")
    assert result.exit_code == 0, result.output
    assert "approved by bob" in ran("audit", "show", "local").output


def test_nobody_has_two_names(tmp_path: Path) -> None:
    """As the second they could approve what they wrote as the first."""
    key = Signer("alice", Ed25519PrivateKey.generate()).public_key
    row = {"publicKey": key, "roles": ["author", "approver"]}
    file = tmp_path / "principals.yaml"
    file.write_text(json.dumps({"principals": {"alice": row}}))
    assert set(read_principals(file)) == {"alice"}
    file.write_text(json.dumps({"principals": {"alice": row, "bob": row}}))
    with pytest.raises(UserError, match="same public key"):
        read_principals(file)


def test_evidence_must_speak_about_the_bill(bill: str, tmp_path: Path) -> None:
    file = tmp_path / "verdict.json"
    file.write_text(verdict(sha256(b"another")).model_dump_json(), "utf-8")
    assert refused("evidence", "add", "load", str(file), "--as", "ci").code is ExitCode.FAIL
    file.write_text(verdict(bill).model_dump_json(), "utf-8")
    assert "not among its roles" in str(refused("evidence", "add", "load", str(file), "--as", "bob"))
    assert ran("evidence", "add", "load", str(file), "--as", "ci").exit_code == 0
    file.write_text("{}", "utf-8")
    assert "is no verdict" in str(refused("evidence", "add", "load", str(file), "--as", "ci"))


def test_overrides(bill: str) -> None:
    words = ("override", "load", "last", "local", "--as", "carol")
    assert "too long" in str(refused(*words, "--reason", "the generator is down", "--expires", "8d"))
    assert "too short" in str(refused(*words, "--reason", "because"))
    assert "!!! carol lets" in ran(*words, "--reason", "the generator is down").output
    assert bill in ran("audit", "show").output


def test_who_may_move(bill: str) -> None:
    assert bill
    assert "may not sign a order" in str(refused("promote", "checkout", "local", "--as", "bob"))
    assert "nothing moves from dev to prod" in str(refused("promote", "dev", "prod", "--as", "ci"))
    result = ran("promote", "checkout", "local", "--as", "ci")
    assert result.exit_code == ExitCode.INCONCLUSIVE
    assert "there is no evidence" in result.output
    assert "REFUSED" in result.output


def test_the_log_on_the_command_line(bill: str) -> None:
    ran("approve", bill, "checkout", "local", "--as", "bob")
    output = ran("audit", "verify").output
    head = output.split("head ")[1].strip()
    assert ran("audit", "verify", "--head", head).exit_code == 0
    assert "not in this log" in str(refused("audit", "verify", "--head", f"9:{sha256(b'')}"))
    file = Path(ran("audit", "path").output.strip())
    file.write_text(file.read_text("utf-8").replace("bob", "eve"), "utf-8")
    assert refused("audit", "verify").code is ExitCode.FAIL


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "Pulumi.local.yaml").write_text("config:\n  groundwork:domain: a.test\n", "utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        git(folder, *words)
    return folder


SIGNED = {"kind": "bill", "by": "alice", "body": "{}", "signature": "x"}
PROOF = BillsSettings(signed=(SignedBill(**SIGNED),), principals="/principals.yaml")


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    return subprocess.run(["git", "-C", folder, *identity, *words], check=True, capture_output=True, text=True).stdout


def test_a_bill_of_a_checkout(checkout: Path, tmp_path: Path) -> None:
    charts = tmp_path / "charts"
    (charts / "base").mkdir(parents=True)
    (charts / "base" / "Chart.yaml").write_text("name: base\n", "utf-8")
    first = make_bill(checkout, "alice", NOW, {"agent-runtime": IMAGE}, {"istio": charts})
    assert first == make_bill(checkout, "alice", NOW, {"agent-runtime": IMAGE}, {"istio": charts})
    assert list(first.settings) == ["Pulumi.local.yaml"]
    (charts / "base" / "Chart.yaml").write_text("name: other\n", "utf-8")
    assert make_bill(checkout, "alice", NOW, {"agent-runtime": IMAGE}, {"istio": charts}).digest != first.digest
    (checkout / "new").write_text("", "utf-8")
    with pytest.raises(UserError, match="not committed"):
        make_bill(checkout, "alice", NOW, {"agent-runtime": IMAGE}, {})


def test_a_bill_names_images_by_digest(checkout: Path) -> None:
    for images in ({}, {"agent-runtime": "agent-runtime:latest"}):
        with pytest.raises((UserError, ValueError)):
            make_bill(checkout, "alice", NOW, images, {})


def test_an_earlier_commit_is_applied_with_the_bills_images(checkout: Path, tmp_path: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD").strip()
    (checkout / "Pulumi.local.yaml").write_text("config:\n  groundwork:domain: b.test\n", "utf-8")
    git(checkout, "commit", "-qam", "second")
    for _ in range(2):  # the second time it is there, with what the first left in it
        tree = work_tree(checkout, tmp_path / "trees", commit)
        pin_images(tree / "Pulumi.local.yaml", made_bill(commit), PROOF)
        config = yaml.safe_load((tree / "Pulumi.local.yaml").read_text("utf-8"))["config"]
        proof = {"signed": [SIGNED], "principals": "/principals.yaml"}
        images = {"agent-runtime": IMAGE}
        assert config == {"groundwork:domain": "a.test", "groundwork:images": images, "groundwork:bills": proof}
    pin_images(tree / "Pulumi.local.yaml", made_bill(commit), PROOF, Rollout(percent=10, checkout="/before", images={}))
    config = yaml.safe_load((tree / "Pulumi.local.yaml").read_text("utf-8"))["config"]
    assert config["groundwork:rollout"] == {"percent": 10, "checkout": "/before", "images": {}, "replaced": False}
    with pytest.raises(UserError, match="not in this checkout"):
        work_tree(checkout, tmp_path / "trees", "1" * 40)


@pytest.mark.parametrize(
    ("running", "wrong"),
    [
        ([IMAGE], 0),
        ([IMAGE, IMAGE], 0),
        ([f"{IMAGE[:-1]}0"], 1),
        ([IMAGE, "localhost/groundwork/agent-runtime:latest"], 1),
    ],
)
def test_what_runs_is_held_against_the_bill(running: list[str], wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pods = [{"metadata": {"name": "p"}, "spec": {"containers": [{"image": image}]}} for image in running]
    leaving = {"metadata": {"deletionTimestamp": "now"}, "spec": {"containers": [{"image": f"{IMAGE[:-1]}1"}]}}
    monkeypatch.setattr(Cluster, "items", lambda *_: [*pods, leaving])
    cluster = Cluster(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig"))
    assert len(made_bill().differences(running_images(cluster, made_bill()))) == wrong


def test_a_verdict_has_an_outcome_that_its_checks_come_to() -> None:
    for worse in (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE):
        checks = [Check(name="a", outcome=Outcome.PASS), Check(name="b", outcome=worse)]
        assert Verdict.of("load", "local", NOW, {}, checks).outcome is worse
