"""The cost rules by promtool, with the scheduler's series as a node gives them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from components.observability import cost
from components.observability.prices import Prices
from tests.promtool import ensured

pytestmark = pytest.mark.engine
PRICES = Prices.model_validate(
    {
        "currency": "EUR",
        "source": "this test",
        "cpuCoreHour": 36,
        "memoryGibHour": 3.6,
        "storageGibMonth": 2628,
        "models": {"big": {"inputPerMillionTokens": 60, "outputPerMillionTokens": 120}},
    }
)
AGENT = 'tenant="acme",agent="concierge"'


def asked(namespace: str, pod: str, resource: str) -> str:
    """As a scheduler of Kubernetes 1.36 gives it."""
    unit = "cores" if resource == "cpu" else "bytes"
    labels = {"namespace": namespace, "node": "n", "pod": pod, "priority": "0", "resource": resource, "unit": unit}
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f'kube_pod_resource_request{{{inside},scheduler="default-scheduler"}}'


SERIES = {
    asked("acme", "concierge-69fd65759-g2w2d", "cpu"): "0.5x20",
    asked("acme", "concierge-69fd65759-xjv8t", "cpu"): "0.5x20",
    asked("acme", "concierge-69fd65759-g2w2d", "memory"): f"{2**30}x20",
    # Of the same name elsewhere, and of the tenant but no agent.
    asked("kube-system", "concierge-69fd65759-g2w2d", "cpu"): "9x20",
    asked("acme", "job-x", "cpu"): "9x20",
    f"agent_active_sessions{{{AGENT}}}": "1x20",
    'kubelet_volume_stats_capacity_bytes{namespace="acme",persistentvolumeclaim="data",node="n"}': f"{2**30}x20",
    'kubelet_volume_stats_capacity_bytes{namespace="acme",persistentvolumeclaim="data",node="m"}': f"{2**30}x20",
    'kubelet_volume_stats_capacity_bytes{namespace="loki",persistentvolumeclaim="data",node="n"}': f"{2**30}x20",
    # A million tokens an hour and half of that; a model that is not in the table, at what its manifest says.
    f'agent_tokens_total{{{AGENT},model="big",direction="input"}}': f"0+{1e6 / 60}x20",
    f'agent_tokens_total{{{AGENT},model="big",direction="output"}}': f"0+{5e5 / 60}x20",
    f'agent_cost_total{{{AGENT},model="big",currency="USD"}}': "0+99x20",
    f'agent_cost_total{{{AGENT},model="small",currency="USD"}}': "0+0.5x20",
}


def test_a_second_costs_what_is_used_times_its_price(tmp_path: Path) -> None:
    ensured()
    rules = tmp_path / "rules.yaml"
    rules.write_text(json.dumps(cost.files(PRICES)["cost"]))

    def sample(value: float, **labels: str) -> dict[str, object]:
        return {"labels": "{" + ", ".join(f'{name}="{text}"' for name, text in labels.items()) + "}", "value": value}

    who = {"tenant": "acme", "agent": "concierge"}
    hourly = [
        sample(36, **who, currency="EUR", kind="cpu"),
        sample(3.6, **who, currency="EUR", kind="memory"),
        sample(3.6, tenant="acme", currency="EUR", kind="storage"),
        sample(120, **who, currency="EUR", kind="tokens"),
        sample(30, **who, currency="USD", kind="tokens"),
    ]
    case = {
        "interval": "1m",
        "input_series": [{"series": series, "values": f"{values}"} for series, values in _notation().items()],
        "promql_expr_test": [
            {
                "expr": f"round(sum by (tenant, agent, kind, currency) ({cost.COST}) * 3600, 0.001)",
                "eval_time": "15m",
                "exp_samples": hourly,
            }
        ],
    }
    cases = tmp_path / "cases.yaml"
    cases.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "30s", "tests": [case]}))
    done = subprocess.run(["promtool", "test", "rules", str(cases)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _notation() -> dict[str, str]:
    """`5x20` is said in full: promtool of Debian 12 knows a value and its growth."""
    return {name: text if "+" in text else text.replace("x", "+0x") for name, text in SERIES.items()}
