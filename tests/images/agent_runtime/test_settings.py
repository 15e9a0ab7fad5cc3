"""Settings from the environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agent_runtime.settings import Settings, StartError


def test_nothing_given_means_the_pods_usual_places() -> None:
    assert Settings.from_environment({"AGENT_PORT": ""}) == Settings()


def test_everything_can_be_given() -> None:
    given = {
        "AGENT_MANIFEST": "/m.yaml",
        "AGENT_TENANT": "acme",
        "AGENT_SECRETS": "/s",
        "AGENT_HOST": "127.0.0.1",
        "AGENT_PORT": "1",
        "AGENT_METRICS_PORT": "2",
        "AGENT_SETTLE": "250ms",
        "AGENT_LOG_LEVEL": "debug",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318",
    }
    assert Settings.from_environment(given) == Settings(
        manifest=Path("/m.yaml"),
        tenant="acme",
        secrets=Path("/s"),
        host="127.0.0.1",
        port=1,
        metrics_port=2,
        settle=timedelta(milliseconds=250),
        log_level="debug",
        export_traces=True,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AGENT_PORT", "http"),
        ("AGENT_PORT", "-1"),
        ("AGENT_METRICS_PORT", "70000"),
        ("AGENT_SETTLE", "soon"),
        ("AGENT_TENANT", "Acme Inc"),
        ("AGENT_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(StartError, match=rf"^{name}: '{value}' .*allowed: "):
        Settings.from_environment({name: value})
