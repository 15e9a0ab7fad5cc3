"""Secrets: whether OpenBao serves, whether what it holds is brought to pods, and whether it is rotated in time."""

from __future__ import annotations

from datetime import timedelta

from components.observability.alerting import Alert

_SEALED, _ROTATE = "openbao-sealed", "rotate-a-secret"
_LEFT = "groundwork_secret_expiry_timestamp_seconds - time()"

_OF_A_DAY = "last_over_time(groundwork_openbao_snapshot_{}_seconds[1d])"

UNSEALED = (
    'max by (pod) (vault_core_unsealed{cluster!=""})'
    ' or max by (pod) (vault_core_unsealed{cluster=""} unless on (pod) vault_core_unsealed{cluster!=""})'
)

ALERTS = (
    Alert(
        name="OpenBaoSealed",
        # A series without the cluster's name stays from before a node knew it, at 0, or at 1 where it was unsealed
        # meanwhile: it counts only as long as there is none with the name.
        expr=f"({UNSEALED}) == 0",
        wait=timedelta(seconds=30),
        severity="page",
        summary="{{ $labels.pod }} is sealed: no secret is renewed; agents that run keep what they have",
        runbook=_SEALED,
    ),
    Alert(
        name="OpenBaoDown",
        # None is no fault where the environment has no such layer.
        expr='sum(up{job="openbao"}) == 0',
        wait=timedelta(minutes=2),
        severity="page",
        summary="No node of OpenBao answers",
        runbook=_SEALED,
    ),
    Alert(
        name="OpenBaoAuditFails",
        expr="sum by (pod) (rate(vault_audit_log_request_failure[5m])"
        " + rate(vault_audit_log_response_failure[5m])) > 0",
        wait=timedelta(minutes=1),
        severity="page",
        summary="An audit device of {{ $labels.pod }} cannot write; where none can, nothing is answered",
        runbook=_SEALED,
    ),
    Alert(
        name="OpenBaoSnapshotOld",
        # Of the last day, so that it is said too where nobody takes any and says nothing himself.
        expr=f"time() - max({_OF_A_DAY.format('timestamp')}) > 2 * max({_OF_A_DAY.format('interval')})",
        wait=timedelta(minutes=15),
        severity="page",
        summary="The newest snapshot of OpenBao is twice as old as it may be",
        runbook="openbao-restore",
    ),
    Alert(
        name="SecretNotSynced",
        expr="max by (exported_namespace, name)"
        ' (externalsecret_status_condition{condition="Ready",status="False"}) == 1',
        wait=timedelta(minutes=5),
        severity="warning",
        summary="{{ $labels.exported_namespace }}/{{ $labels.name }} is not renewed from OpenBao",
        runbook="secret-does-not-arrive",
    ),
    Alert(
        name="SecretOverdue",
        # The rotator replaces a value in its first round after this moment.
        expr=f"max by (tenant, secret) ({_LEFT}) < -300",
        wait=timedelta(minutes=1),
        severity="warning",
        summary="{{ $labels.tenant }}/{{ $labels.secret }} should have been rotated by now",
        runbook=_ROTATE,
    ),
    Alert(
        name="SecretRotationFails",
        expr="sum by (tenant, secret) (increase(groundwork_secret_rotation_failures_total[10m])) > 0",
        wait=timedelta(0),
        severity="warning",
        summary="{{ $labels.tenant }}/{{ $labels.secret }} could not be rotated",
        runbook=_ROTATE,
    ),
    Alert(
        name="SecretRotatorStands",
        expr='sum(increase(groundwork_secret_rotator_rounds_total{result="done"}[10m])) == 0',
        wait=timedelta(minutes=5),
        severity="warning",
        summary="The rotator has looked at no secret for ten minutes",
        runbook=_ROTATE,
    ),
)
