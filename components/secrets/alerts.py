"""When somebody must look at secrets: Prometheus' rules, as plain data.  (docs/secrets.md)"""

from __future__ import annotations

from pydantic import JsonValue

from components.secrets.names import NAMESPACE

RUNBOOKS = "docs/runbooks"


def groups() -> list[dict[str, JsonValue]]:
    """Rule groups, as a rule file has them below `groups`."""
    return [
        {"name": "groundwork-secrets-openbao", "interval": "15s", "rules": _openbao()},
        {"name": "groundwork-secrets-sync", "interval": "30s", "rules": _sync()},
        {"name": "groundwork-secrets-rotation", "interval": "30s", "rules": _rotation()},
    ]


def _openbao() -> list[JsonValue]:
    return [
        _alert(
            "OpenBaoSealed",
            # A series without the cluster's name stays at 0 from before a node knew it: the greatest one counts.
            "max by (pod) (vault_core_unsealed) == 0",
            wait="30s",
            severity="critical",
            summary="{{ $labels.pod }} is sealed: no secret is renewed, running agents keep what they have",
            runbook="openbao-sealed",
        ),
        _alert(
            "OpenBaoAbsent",
            f'absent(vault_core_unsealed{{namespace="{NAMESPACE}"}})',
            wait="2m",
            severity="critical",
            summary="no node of OpenBao says anything",
            runbook="openbao-sealed",
        ),
        _alert(
            "OpenBaoAuditFails",
            "sum by (pod) (rate(vault_audit_log_response_failure[5m]) + rate(vault_audit_log_request_failure[5m])) > 0",
            wait="1m",
            severity="critical",
            summary="an audit device of {{ $labels.pod }} cannot write; when both cannot, nothing is answered",
            runbook="openbao-sealed",
        ),
    ]


def _sync() -> list[JsonValue]:
    ready = 'externalsecret_status_condition{condition="Ready",status="False"}'
    return [
        _alert(
            "SecretNotSynced",
            f"max by (exported_namespace, namespace, name) ({ready}) == 1",
            wait="5m",
            severity="warning",
            summary="{{ $labels.name }} is not renewed from OpenBao",
            runbook="secret-does-not-arrive",
        )
    ]


def _rotation() -> list[JsonValue]:
    left = "groundwork_secret_expiry_timestamp_seconds - time()"
    return [
        _alert(
            "SecretExpires",
            f"({left}) < 0.1 * groundwork_secret_rotation_interval_seconds",
            wait="5m",
            severity="warning",
            summary="{{ $labels.tenant }}/{{ $labels.secret }} should have been rotated by now",
            runbook="rotate-a-secret",
        ),
        _alert(
            "SecretExpired",
            f"({left}) < 0",
            wait="1m",
            severity="critical",
            summary="{{ $labels.tenant }}/{{ $labels.secret }} is past its time",
            runbook="rotate-a-secret",
        ),
        _alert(
            "SecretRotationFails",
            "increase(groundwork_secret_rotation_failures_total[10m]) > 0",
            wait="0s",
            severity="warning",
            summary="{{ $labels.tenant }}/{{ $labels.secret }} could not be rotated",
            runbook="rotate-a-secret",
        ),
    ]


def _alert(name: str, expression: str, *, wait: str, severity: str, summary: str, runbook: str) -> JsonValue:  # noqa: PLR0913 – what an alert has
    return {
        "alert": name,
        "expr": expression,
        "for": wait,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "runbook_url": f"{RUNBOOKS}/{runbook}.md"},
    }
