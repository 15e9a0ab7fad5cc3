"""What the vendor's documentation promises and no recording shows. Sources: the API documentation of each kind (also in
the SDK's docstrings), the provider's arguments, and the guide to server-side apply.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue

from tests.conformance.model import JsonObject, Operation, Recording, Step
from tests.conformance.recorder import Bench, record

# The SDK leaves a coroutine behind when the program of a failing update is cut off.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
HOME = Path(__file__).resolve().parent / "documented"


def script(scenario: str, *befores: str, setup: str | None = None) -> Recording:
    """One step for each shell command that is run before it; an empty one runs nothing."""
    steps = [Step(step=number, before=before or None) for number, before in enumerate(befores or ("",))]
    return Recording(scenario=scenario, setup=setup, steps=steps, destroy=Operation(), left=[])


def run(asked: Recording, bench: Bench, folder: Path) -> Recording:
    own = Bench(plugin=bench.plugin, kubeconfig=bench.kubeconfig, home=HOME)
    return record(asked, own, folder / "project")


def operations(got: Recording, step: int, name: str, operation: str = "up") -> list[str]:
    """What was done to the resource `name`, in order."""
    events = getattr(got.steps[step], operation).events
    return [event.op for event in events if event.event == "resourcePreEvent" and event.urn.endswith(f"::{name}")]


def errors(got: Recording, step: int = 0) -> str:
    up = got.steps[step].up
    assert up is not None
    return "\n".join(event.message or "" for event in up.events or [] if event.severity == "error")


def failed(got: Recording, step: int = 0) -> bool:
    up = got.steps[step].up
    assert up is not None
    return up.failed


def resource(got: Recording, step: int, name: str) -> JsonObject:
    found = [one for one in got.steps[step].state or [] if str(one["urn"]).endswith(f"::{name}")]
    assert len(found) == 1, f"{len(found)} resources are called {name}"
    return found[0]


def at(value: JsonValue, *path: str) -> JsonValue:
    for key in path:
        assert isinstance(value, dict), f"nothing at {key}"
        value = value[key]
    return value


@pytest.mark.engine
@pytest.mark.long
def test_a_mutable_configmap_is_updated_in_place(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("mutable", "", ""), scratch, tmp_path)
    assert operations(got, 1, "m") == ["update"]
    assert at(resource(got, 1, "m"), "outputs", "data", "a") == "1"


@pytest.mark.long
@pytest.mark.engine
def test_patch_force_wins_over_another_manager(scratch: Bench, tmp_path: Path) -> None:
    other = "kubectl -n rec annotate sa f owner=other --overwrite --field-manager=other"
    got = run(script("force", "", other), scratch, tmp_path)
    assert not failed(got, 1), errors(got, 1)
    assert at(resource(got, 1, "f"), "outputs", "metadata", "annotations", "owner") == "pulumi-1"


@pytest.mark.long
@pytest.mark.engine
def test_skip_await_does_not_wait(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("skip-await"), scratch, tmp_path)
    assert not failed(got), errors(got)


@pytest.mark.long
@pytest.mark.engine
def test_a_deployment_without_available_pods_fails_and_stays_in_the_state(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("await"), scratch, tmp_path)
    assert failed(got)
    assert resource(got, 0, "d")["initErrors"]


@pytest.mark.long
@pytest.mark.engine
def test_ignored_changes_are_not_seen(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("ignore-changes", "", ""), scratch, tmp_path)
    assert operations(got, 1, "i") == ["same"]


@pytest.mark.engine
@pytest.mark.long
def test_replace_on_changes_replaces_what_could_be_updated(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("replace-on-changes", "", ""), scratch, tmp_path)
    assert operations(got, 1, "r") == ["create-replacement", "replace", "delete-replaced"]


@pytest.mark.engine
@pytest.mark.long
def test_delete_before_replace_deletes_first(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("delete-before-replace", "", ""), scratch, tmp_path)
    assert operations(got, 1, "b") == ["delete-replaced", "replace", "create-replacement"]


@pytest.mark.engine
def test_what_was_deleted_out_of_band_is_made_again_after_a_refresh(scratch: Bench, tmp_path: Path) -> None:
    asked = script("gone", "", "")
    asked.steps[0].refresh = Operation()
    asked.steps[0].drift = "kubectl -n rec label configmap g extra=1"
    asked.steps[0].loss = "kubectl -n rec delete configmap g"
    got = run(asked, scratch, tmp_path)
    assert operations(got, 1, "g") == ["create"]


@pytest.mark.engine
@pytest.mark.long
def test_the_providers_namespace_is_the_default(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("default-namespace"), scratch, tmp_path)
    assert str(resource(got, 0, "n")["id"]).startswith("rec/n-")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("scenario", "name"),
    [
        ("role-ref", "b"),
        pytest.param("service-name", "s", marks=pytest.mark.long),
        pytest.param("job-template", "j", marks=pytest.mark.long),
    ],
)
def test_a_field_that_the_api_server_never_changes_replaces_the_object(
    scenario: str, name: str, scratch: Bench, tmp_path: Path
) -> None:
    got = run(script(scenario, "", ""), scratch, tmp_path)
    assert not failed(got, 1), errors(got, 1)
    assert "replace" in operations(got, 1, name)
    assert operations(got, 1, name, "preview") == operations(got, 1, name)


@pytest.mark.long
@pytest.mark.engine
def test_an_unready_object_is_replaced_where_it_asks_for_that(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("replace-unready", "", ""), scratch, tmp_path)
    assert failed(got, 0)
    assert "replace" in operations(got, 1, "j", "preview")


@pytest.mark.engine
@pytest.mark.long
def test_a_deleted_patch_gives_its_fields_back(scratch: Bench, tmp_path: Path) -> None:
    setup = "kubectl -n rec create configmap p --from-literal=own=1"
    got = run(script("release", "", "", setup=setup), scratch, tmp_path)
    found = {str(at(one, "metadata", "name")): one for one in got.steps[1].objects or []}
    assert at(found["p"], "data") == {"own": "1"}
    managers = at(found["p"], "metadata", "managedFields")
    assert isinstance(managers, list)
    assert [str(at(one, "manager")) for one in managers] == ["kubectl-create"]


@pytest.mark.engine
@pytest.mark.long
def test_get_reads_and_never_deletes(scratch: Bench, tmp_path: Path) -> None:
    setup = "kubectl -n rec create configmap pre --from-literal=x=y"
    got = run(script("get", setup=setup), scratch, tmp_path)
    assert not failed(got), errors(got)
    assert operations(got, 0, "x") == ["read"]
    assert got.left == ["configmap/pre"]


@pytest.mark.engine
@pytest.mark.long
def test_a_custom_resource_and_its_definition_are_updated_in_place(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("custom-resource", "", "", ""), scratch, tmp_path)
    assert operations(got, 1, "t") == ["update"]
    assert operations(got, 1, "things") == ["update"]
    assert operations(got, 2, "things") == ["same"]
    assert at(resource(got, 2, "t"), "outputs", "spec") == {"n": 2, "nested": {"list": [{"a": 2}]}}


@pytest.mark.engine
@pytest.mark.long
def test_an_ingress_without_an_address_is_not_ready(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("ingress"), scratch, tmp_path)
    assert failed(got)
    assert resource(got, 0, "i")["initErrors"]


@pytest.mark.engine
@pytest.mark.long
def test_a_service_without_a_selector_waits_for_no_endpoints(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("no-selector"), scratch, tmp_path)
    assert not failed(got), errors(got)


@pytest.mark.engine
def test_a_secret_never_stands_in_the_state(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("secret"), scratch, tmp_path)
    assert not failed(got), errors(got)
    said = "".join(step.model_dump_json(exclude={"objects"}) for step in got.steps)
    files = list(tmp_path.glob("project/state/.pulumi/history/**/*.checkpoint.json"))
    assert files
    state = "".join(path.read_text("utf-8") for path in files)
    for canary in ("canary-5519", "canary-5520", "Y2FuYXJ5LTU1MTk="):
        assert canary not in said
        assert canary not in state


@pytest.mark.engine
@pytest.mark.long
def test_a_file_of_objects_becomes_resources(scratch: Bench, tmp_path: Path) -> None:
    got = run(script("config-file"), scratch, tmp_path)
    assert not failed(got), errors(got)
    assert resource(got, 0, "f:rec/one")["id"] == "rec/one"
    assert resource(got, 0, "f:rec/two")["type"] == "kubernetes:core/v1:ServiceAccount"


@pytest.mark.cluster
@pytest.mark.long
def test_a_failed_job_fails_at_once_and_says_why(real: Bench, tmp_path: Path) -> None:
    got = run(script("job-failure"), real, tmp_path)
    assert failed(got)
    said = errors(got)
    assert "BackoffLimitExceeded" in said or "exit code 4" in said, said


@pytest.mark.cluster
@pytest.mark.long
def test_a_daemonset_waits_for_its_pods(real: Bench, tmp_path: Path) -> None:
    got = run(script("daemon-set"), real, tmp_path)
    assert not failed(got), errors(got)
    status = at(resource(got, 0, "ds"), "outputs", "status")
    assert at(status, "numberReady") == at(status, "desiredNumberScheduled")


@pytest.mark.cluster
@pytest.mark.long
def test_a_pod_is_ready_when_it_runs(real: Bench, tmp_path: Path) -> None:
    got = run(script("pod"), real, tmp_path)
    assert not failed(got), errors(got)
    assert at(resource(got, 0, "p"), "outputs", "status", "phase") == "Running"


@pytest.mark.cluster
@pytest.mark.long
def test_a_deployment_whose_pods_are_never_ready_names_them(real: Bench, tmp_path: Path) -> None:
    got = run(script("unready"), real, tmp_path)
    assert failed(got)
    name = str(resource(got, 0, "u")["id"]).removeprefix("rec/")
    assert name in errors(got)
    assert "[c]" in errors(got)
