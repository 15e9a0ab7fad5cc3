import json
import subprocess
import sys
from pathlib import Path

import pytest

from groundwork.errors import UserError
from local.engine.recovery import (
    PendingCreate,
    forget_files,
    is_made,
    mend_files,
    pending_creates,
    settled,
    was_interrupted,
)

URN = "urn:pulumi:local::groundwork::kubernetes:core/v1:ConfigMap::settings"


def operation(kind: str) -> dict[str, object]:
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings-1a2b", "namespace": "acme"}}
    return {"type": kind, "resource": {"urn": URN, "type": "kubernetes:core/v1:ConfigMap", "inputs": inputs}}


def test_only_creations_are_up_for_adoption() -> None:
    deployment = {"pending_operations": [operation("creating"), operation("updating"), operation("deleting")]}
    assert [create.object_id for create in pending_creates(deployment)] == ["acme/settings-1a2b"]


def test_what_exists_is_adopted_and_the_rest_forgotten() -> None:
    deployment = {
        "resources": [{"urn": "first"}],
        "pending_operations": [operation("creating"), operation("updating")],
    }
    [create] = pending_creates(deployment)
    resources = settled(deployment, [(create, "acme/settings-1a2b")])["resources"]
    assert isinstance(resources, list)
    assert [(row["urn"], row.get("id")) for row in resources] == [("first", None), (URN, "acme/settings-1a2b")]
    assert resources[1]["outputs"]["__inputs"] == create.inputs
    assert settled(deployment, [(create, "acme/settings-1a2b")])["pending_operations"] == []
    assert settled(deployment, [])["resources"] == [{"urn": "first"}]


def test_a_state_without_pending_operations_has_no_creations() -> None:
    assert pending_creates({"resources": []}) == []


@pytest.mark.parametrize(
    ("kind", "inputs", "expected"),
    [
        ("kubernetes:core/v1:Namespace", {"metadata": {"name": "acme"}}, "acme"),
        ("kubernetes:core/v1:Namespace", {}, None),
        ("aws:s3/bucket:Bucket", {"metadata": {"name": "acme"}}, None),
    ],
)
def test_the_id_is_the_providers(kind: str, inputs: dict[str, object], expected: str | None) -> None:
    assert PendingCreate(resource={"urn": URN, "type": kind, "inputs": inputs}).object_id == expected


def lock(state: Path, content: str) -> Path:
    file = state / ".pulumi" / "locks" / "organization" / "groundwork" / "local" / "1.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    return file


def test_the_lock_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    file = lock(tmp_path, json.dumps({"pid": dead.pid}))
    said: list[str] = []
    mend_files(tmp_path.as_uri(), "local", said.append)
    assert not file.exists()
    assert len(said) == 1


def test_a_half_written_lock_is_removed(tmp_path: Path) -> None:
    file = lock(tmp_path, '{"pid": 12')
    mend_files(tmp_path.as_uri(), "local", lambda _: None)
    assert not file.exists()


def test_the_lock_of_a_living_engine_stays_and_is_reported(tmp_path: Path) -> None:
    program = "print('running', flush=True); input()"
    engine = subprocess.Popen([sys.executable, "-c", program, "pulumi"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert engine.stdout is not None
        assert engine.stdout.readline() == b"running\n"  # its command line is readable only once it runs
        file = lock(tmp_path, json.dumps({"pid": engine.pid}))
        with pytest.raises(UserError, match=f"another run works on stack 'local' \\(process {engine.pid}\\)"):
            mend_files(tmp_path.as_uri(), "local", lambda _: None, patience=0)
        assert file.exists()
    finally:
        engine.communicate(b"\n")


def test_an_engine_that_ends_is_waited_for(tmp_path: Path) -> None:
    program = "print('running', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "pulumi"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as engine:
        assert engine.stdout is not None
        assert engine.stdout.readline() == b"running\n"
        file = lock(tmp_path, json.dumps({"pid": engine.pid}))

        def end_it(line: str) -> None:
            if line.startswith("waiting"):
                engine.communicate(b"\n")

        mend_files(tmp_path.as_uri(), "local", end_it, patience=30)
    assert not file.exists()


def test_the_locks_of_other_stacks_and_backends_stay(tmp_path: Path) -> None:
    file = lock(tmp_path, "{}")
    mend_files(tmp_path.as_uri(), "other", lambda _: None)
    mend_files("s3://bucket", "local", lambda _: None)
    assert file.exists()


def test_what_was_half_written_is_removed_and_the_rest_stays(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "stacks" / "groundwork"
    folder.mkdir(parents=True)
    for name, text in {
        "local.json": "{}",
        "local.json.bak": "{}",
        "local.json.bak.attrs": '{"user.content_type": "text/plain"}',
        "local.json.attrs": "",
        "local.json.18ea.tmp": '{"version',
    }.items():
        (folder / name).write_text(text)
    mend_files(tmp_path.as_uri(), "local", lambda _: None)
    assert sorted(path.name for path in folder.iterdir()) == ["local.json", "local.json.bak", "local.json.bak.attrs"]


def test_what_another_stacks_engine_is_writing_just_now_stays(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "stacks" / "groundwork"
    folder.mkdir(parents=True)
    files = [folder / "local.acme.json.18ea.tmp", folder / "local.acme.json.attrs"]
    for file in files:
        file.write_text("{half")
    mend_files(tmp_path.as_uri(), "local", lambda _: None)
    assert all(file.exists() for file in files)
    mend_files(tmp_path.as_uri(), "local.acme", lambda _: None)
    assert not any(file.exists() for file in files)


def test_only_a_state_with_operations_under_way_is_one_of_a_killed_engine(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "stacks" / "groundwork"
    folder.mkdir(parents=True)
    file = folder / "local.json"
    assert not was_interrupted(tmp_path.as_uri(), "local")
    for content, expected in (({"resources": []}, False), ({"pending_operations": [operation("creating")]}, True)):
        file.write_text(json.dumps({"checkpoint": {"latest": content}}))
        assert was_interrupted(tmp_path.as_uri(), "local") is expected
        assert not was_interrupted(tmp_path.as_uri(), "loc")
    assert was_interrupted("s3://bucket", "local"), "what cannot be looked at is asked for"


def test_a_forgotten_stack_leaves_no_file_and_the_others_keep_theirs(tmp_path: Path) -> None:
    state = tmp_path / ".pulumi"
    for stack in ("local", "local.acme", "local.acme-two"):
        for kept in ("history", "backups"):
            folder = state / kept / "groundwork" / stack
            folder.mkdir(parents=True)
            (folder / f"{stack}.1.json").write_text("{}")
        (state / "stacks" / "groundwork").mkdir(parents=True, exist_ok=True)
        for ending in ("json", "json.bak", "json.bak.attrs"):
            (state / "stacks" / "groundwork" / f"{stack}.{ending}").write_text("{}")
    forget_files(tmp_path.as_uri(), "local.acme")
    left = [path for path in state.rglob("*") if path.is_file()]
    assert not [path for path in left if path.name.startswith("local.acme.")]
    assert len(left) == 2 * 5
    forget_files("s3://bucket", "local")


@pytest.mark.parametrize(("resources", "made"), [([{"urn": "u"}], True), (None, False)])
def test_a_stack_without_resources_is_not_made(resources: object, made: bool, tmp_path: Path) -> None:
    file = tmp_path / ".pulumi" / "stacks" / "groundwork" / "local.json"
    file.parent.mkdir(parents=True)
    latest = {"manifest": {}} if resources is None else {"manifest": {}, "resources": resources}
    file.write_text(json.dumps({"version": 3, "checkpoint": {"stack": "local", "latest": latest}}))
    assert is_made(tmp_path.as_uri(), "local") is made
    assert not is_made(tmp_path.as_uri(), "local.acme")
