import pytest
from pulumi.automation import EngineEvent

from groundwork.console import Step
from local.engine.report import Report, short

URN = "urn:pulumi:local::groundwork::groundwork:agents:Agent$kubernetes:apps/v1:Deployment::acme-concierge"


def event(**fields: object) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, **fields})


def step_of(operation: str) -> dict[str, object]:
    return {"op": operation, "urn": URN, "type": "kubernetes:apps/v1:Deployment", "provider": ""}


def metadata(operation: str) -> dict[str, object]:
    return {"metadata": step_of(operation)}


def test_a_urn_is_shown_by_its_kind_and_name() -> None:
    assert short(URN) == "Deployment acme-concierge"
    assert short("not a urn") == "not a urn"


def test_what_is_under_way_is_shown_until_it_has_ended() -> None:
    step = Step("pulumi up")
    report = Report(step)
    report.on_event(event(resourcePreEvent=metadata("create")))
    assert step.detail == "creating Deployment acme-concierge"
    report.on_event(event(resOutputsEvent=metadata("create")))
    assert step.detail == ""


def test_an_unchanged_resource_is_not_shown() -> None:
    step = Step("pulumi up")
    Report(step).on_event(event(resourcePreEvent=metadata("same")))
    assert step.detail == ""


def test_what_was_changed_is_named_with_what_differed() -> None:
    report = Report(Step("pulumi up"))
    differs = {"detailedDiff": {"spec.replicas": {"diffKind": "update", "inputDiff": True}}}
    report.on_event(event(resourcePreEvent={"metadata": {**step_of("update"), **differs}}))
    for same in ("same", "read", "refresh"):
        report.on_event(event(resourcePreEvent=metadata(same)))
    assert report.touched == ["update Deployment acme-concierge (spec.replicas)"]


def test_what_failed_is_said_while_the_rest_is_waited_for() -> None:
    step = Step("pulumi up")
    report = Report(step)
    report.on_event(event(resourcePreEvent=metadata("create")))
    report.on_event(event(diagnosticEvent=_diagnostic("pods crash:\nboom")))
    assert step.detail == "failed: Deployment acme-concierge: pods crash: boom; creating Deployment acme-concierge"


def test_the_summary_counts_what_was_not_the_same() -> None:
    report = Report(Step("pulumi up"))
    report.on_event(
        event(summaryEvent={"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": {"same": 4, "create": 2}})
    )
    assert report.changed == 2
    assert report.summary() == "2 create"


def test_no_change_is_said_in_words() -> None:
    report = Report(Step("pulumi preview"))
    report.on_event(event(summaryEvent={"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": {"same": 4}}))
    assert report.summary() == "no change"


def test_the_error_has_the_engines_words_once_and_without_colour() -> None:
    report = Report(Step("pulumi up"))
    words = "<{%fg 1%}>pods crash: boom<{%reset%}>\n"
    for _ in range(2):
        report.on_event(event(diagnosticEvent=_diagnostic(words)))
    report.on_event(event(diagnosticEvent=_diagnostic("update failed")))
    report.on_event(event(diagnosticEvent=_diagnostic("only a warning", severity="warning")))
    error = report.error("up", "exit 1")
    assert error.what == "Deployment acme-concierge: pods crash: boom"
    assert error.where == "pulumi up"


def test_a_programs_error_stands_once() -> None:
    report = Report(Step("pulumi up"))
    report.on_event(event(diagnosticEvent=_diagnostic("no image\nfix: build it")))
    report.on_event(event(diagnosticEvent=_diagnostic("an unhandled error occurred: no image\nfix: build it")))
    assert report.error("up", "exit 1").what == "Deployment acme-concierge: no image\nfix: build it"


def test_where_the_engine_said_nothing_the_commands_own_words_stand() -> None:
    assert Report(Step("pulumi up")).error("up", "code: 255\n").what == "code: 255"


def _diagnostic(message: str, severity: str = "error") -> dict[str, object]:
    return {"urn": URN, "message": message, "color": "never", "severity": severity}


def ended(operation: str, *, before: str = "4", after: str = "4", diff: tuple[str, ...] = ()) -> dict[str, object]:
    """The end of a step, with the inputs of either side and what the provider says differs."""
    sides = {side: {"inputs": {"spec": value}, "outputs": {}} for side, value in (("old", before), ("new", after))}
    told = {name: {"diffKind": "update", "inputDiff": False} for name in diff}
    return {"metadata": {**step_of(operation), **sides, "detailedDiff": told}}


def refreshed(end: dict[str, object]) -> list[str]:
    report = Report(Step("pulumi drift"))
    report.on_event(event(resourcePreEvent=metadata("refresh")))
    report.on_event(event(resOutputsEvent=end))
    return report.stale


def test_a_crashed_engine_is_heard_with_its_reason_and_not_with_all_its_calls() -> None:
    calls = "\n".join(f"main.f{number}()\n\tmain.go:{number} +0x1" for number in range(100))
    said = f"Panic:  a map was written twice\n\ngoroutine 1 [running]:\n{calls}"
    what = Report(Step("pulumi up")).error("up", said).what
    assert what.startswith("Panic:  a map was written twice\n\ngoroutine 1 [running]:\nmain.f0()")
    assert what.endswith("… 177 lines more")
    assert "main.f20" not in what


def test_a_refresh_by_itself_names_what_differs() -> None:
    assert refreshed(ended("update", after="9", diff=("spec.hard.pods",))) == [
        "Deployment acme-concierge (spec.hard.pods)"
    ]
    assert refreshed(ended("same")) == []


def test_a_refresh_before_an_update_is_held_to_inputs_alone() -> None:
    """What the cluster says of an object by itself, such as a status, is nothing to mend."""
    assert refreshed(ended("refresh", diff=("status",))) == []
    assert refreshed(ended("refresh", after="9")) == ["Deployment acme-concierge (spec)"]


@pytest.mark.parametrize(
    ("before", "after", "outdated"),
    [
        ({"spec": 1, "status": 1, "metadata": 1}, {"spec": 1, "status": 2, "metadata": 2}, False),
        ({"endpoint": "a"}, {"endpoint": "b"}, True),
        ({"spec": 1}, {"spec": 1, "more": 1}, True),
    ],
)
def test_outputs_that_a_program_may_read_are_those_of_the_state(
    before: dict[str, object], after: dict[str, object], *, outdated: bool
) -> None:
    report = Report(Step("pulumi up"))
    report.on_event(event(resourcePreEvent=metadata("refresh")))
    sides = {"old": {"inputs": {}, "outputs": before}, "new": {"inputs": {}, "outputs": after}}
    report.on_event(event(resOutputsEvent={"metadata": {**step_of("refresh"), **sides}}))
    assert (report.outdated, report.stale) == (outdated, [])


def test_an_update_that_no_refresh_went_before_is_no_drift() -> None:
    report = Report(Step("pulumi up"))
    report.on_event(event(resOutputsEvent=ended("update", after="9", diff=("spec",))))
    assert report.stale == []
