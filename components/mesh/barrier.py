"""What stands between the mesh and everything that needs it.  (docs/mesh.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.admissionregistration.v1 import (
    MutatingWebhookConfigurationPatch,
    ValidatingWebhookConfigurationPatch,
)
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ContainerArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs, ObjectMetaPatchArgs

from components.mesh.names import NAMESPACE

WAIT_FOR = "pulumi.com/waitFor"
# istiod writes its certificate into a webhook once it answers it.
_TRUSTED = "jsonpath={.webhooks[0].clientConfig.caBundle}"
_USER = 1337


@dataclass(frozen=True, kw_only=True)
class BarrierArgs:
    """`proxy`: the sidecar's image, by digest; `labels`: of what the barrier makes."""

    proxy: pulumi.Input[str]
    labels: dict[str, str]


class Barrier(pulumi.ComponentResource):
    """Passed when istiod trusts its webhooks, and a pod was injected, redirected, certified and configured.

    What depends on it finds a mesh that works. The proof is a Job whose one container may only start when the sidecar
    beside it is ready, and then asks it.
    """

    def __init__(self, name: str, args: BarrierArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:mesh:Barrier", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        injector, validator = _waiting("istio-sidecar-injector"), _waiting("istiod-default-validator")
        webhooks: list[pulumi.Resource] = [
            MutatingWebhookConfigurationPatch(f"{name}-injector", metadata=injector, opts=child),
            ValidatingWebhookConfigurationPatch(f"{name}-validator", metadata=validator, opts=child),
        ]
        meta = ObjectMetaArgs(name="mesh-proof", namespace=NAMESPACE, labels=args.labels)
        proof = pulumi.ResourceOptions(
            parent=self, depends_on=webhooks, delete_before_replace=True, replace_on_changes=["spec"]
        )
        Job(name, metadata=meta, spec=_proof(args), opts=proof)
        self.register_outputs({})


def _waiting(name: str) -> ObjectMetaPatchArgs:
    return ObjectMetaPatchArgs(name=name, annotations={WAIT_FOR: _TRUSTED})


def _proof(args: BarrierArgs) -> JobSpecArgs:
    container = ContainerArgs(
        name="ask",
        image=args.proxy,
        image_pull_policy="IfNotPresent",
        args=["wait", "--timeoutSeconds", "60"],
        resources=ResourceRequirementsArgs(
            requests={"cpu": "10m", "memory": "64Mi"}, limits={"cpu": "200m", "memory": "128Mi"}
        ),
        security_context=SecurityContextArgs(
            allow_privilege_escalation=False,
            privileged=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            capabilities=CapabilitiesArgs(drop=["ALL"]),
        ),
    )
    pod = PodSpecArgs(
        restart_policy="Never",
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=PodSecurityContextArgs(
            run_as_non_root=True,
            # Not the proxy's own: what that user sends is not redirected.
            run_as_user=_USER + 1,
            run_as_group=_USER + 1,
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[container],
    )
    labels = {**args.labels, "sidecar.istio.io/inject": "true"}
    return JobSpecArgs(
        backoff_limit=10,
        active_deadline_seconds=540,
        template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=labels), spec=pod),
    )
