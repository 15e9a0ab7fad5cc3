"""What a recording keeps of the engine's events, and the command line that makes recordings."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi.automation import EngineEvent

from tests.conformance.engine import keep
from tests.conformance.model import Recording, home, read
from tests.conformance.record import main
from tests.conformance.recorder import Bench
from tests.conformance.setting import needs_pods

URN = "urn:pulumi:a::rec::kubernetes:core/v1:ConfigMap::cm"
FOLDER = Path(__file__).parent / "recordings"


def event(**parts: object) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, **parts})


def test_an_operation_is_kept_with_what_it_changes() -> None:
    diff = {"data.a": {"diffKind": "update-replace", "inputDiff": False}}
    metadata = {
        "op": "replace",
        "urn": URN,
        "type": "kubernetes:core/v1:ConfigMap",
        "provider": "p",
        "keys": ["data.a"],
        "detailedDiff": diff,
    }
    kept = keep(event(resourcePreEvent={"metadata": metadata}))
    assert kept is not None
    assert (kept.event, kept.op, kept.urn, kept.keys) == ("resourcePreEvent", "replace", URN, ["data.a"])
    assert kept.detailed_diff == diff


@pytest.mark.parametrize(("severity", "kept"), [("error", True), ("info", True), ("debug", False), ("info#err", False)])
def test_diagnostics_are_kept_without_colours_and_without_debugging(severity: str, kept: bool) -> None:
    said = {"message": "<{%fg 1%}>no such thing<{%reset%}>\n", "color": "raw", "severity": severity, "urn": URN}
    found = keep(event(diagnosticEvent=said))
    assert (found is not None) == kept
    if found is not None:
        assert found.message == "no such thing\n"


def test_a_summary_leaves_out_what_did_not_happen() -> None:
    summary = {
        "maybeCorrupt": False,
        "durationSeconds": 1,
        "resourceChanges": {"create": 2, "same": 0},
        "PolicyPacks": {},
    }
    kept = keep(event(summaryEvent=summary))
    assert kept is not None
    assert kept.changes == {"create": 2}


def test_other_events_are_left_out() -> None:
    assert keep(event(preludeEvent={"config": {}})) is None


@pytest.mark.parametrize(
    ("name", "expected"), [("job", True), ("crash-loop", True), ("secret", False), ("chart", False)]
)
def test_who_needs_pods(name: str, expected: bool) -> None:
    assert needs_pods(read(FOLDER / f"{name}.json")) == expected


def test_an_unknown_scenario_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nosuch", "--home", str(tmp_path), "--kubeconfig", str(tmp_path)]) == 2
    assert "nosuch.json" in capsys.readouterr().err


def test_a_file_that_is_no_recording_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.json").write_text('{"scenario": 1}')
    assert main(["bad", "--home", str(tmp_path), "--kubeconfig", str(tmp_path)]) == 2
    assert "bad.json" in capsys.readouterr().err


def test_the_program_may_be_named_as_the_projects_data_names_it(tmp_path: Path) -> None:
    bench = Bench(plugin=tmp_path, kubeconfig=tmp_path, home=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"scenarios\.py"):
        _ = bench.program
    (tmp_path / "scenarios.py.txt").touch()
    assert bench.program.name == "scenarios.py.txt"


def test_the_environment_names_the_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDWORK_CONFORMANCE_RECORDINGS", str(tmp_path))
    assert home() == tmp_path


def test_a_script_without_results_is_a_recording() -> None:
    script = {"scenario": "new", "steps": [{"step": 0}], "destroy": {}, "left": []}
    assert Recording.model_validate(script).steps[0].up is None
