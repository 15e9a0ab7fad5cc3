"""Gatekeeper: what the API server asks before it takes an object in.  (docs/admission.md)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v4 import Chart, RepositoryOptsArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicySpecArgs,
)

from components.labels import platform_labels, pod_security
from components.network_policies import closed
from components.secrets.network import names_and_api_server, tcp
from components.spread import chart_spread
from components.units import format_cpu
from components.workload import refuse_other_than_digest
from groundwork.errors import UserError

NAME = "gatekeeper"
NAMESPACE = "gatekeeper-system"
_SELECTOR = {"app.kubernetes.io/name": NAME}
_PORT = 8443
# Of its pods alone, as the chart sets it.
PODS = {"gatekeeper.sh/operation": "webhook"}
SERVICE, CERTIFICATE, ACCOUNT = "gatekeeper-webhook-service", "gatekeeper-webhook-server-cert", "gatekeeper-admin"
# What a simulated node waits for before it calls one of its pods ready: that somebody answers in the pod's place.
ANSWERED = "groundwork.dev/answered"
# Kind → group and plural, of all that a rule may be about.
_RESOURCES: Mapping[str, tuple[str, str]] = {
    "CronJob": ("batch", "cronjobs"),
    "DaemonSet": ("apps", "daemonsets"),
    "Deployment": ("apps", "deployments"),
    "Ingress": ("networking.k8s.io", "ingresses"),
    "Job": ("batch", "jobs"),
    "Namespace": ("", "namespaces"),
    "Pod": ("", "pods"),
    "ReplicaSet": ("apps", "replicasets"),
    "ReplicationController": ("", "replicationcontrollers"),
    "Service": ("", "services"),
    "StatefulSet": ("apps", "statefulsets"),
    "VirtualService": ("networking.istio.io", "virtualservices"),
}
# Kind of what the API server makes of CONNECT → the pod's subresource.
_CONNECTED: Mapping[str, str] = {
    "PodAttachOptions": "pods/attach",
    "PodExecOptions": "pods/exec",
    "PodPortForwardOptions": "pods/portforward",
    "PodProxyOptions": "pods/proxy",
}
# What Gatekeeper itself is told by: a rule that it cannot read is refused.
_OWN = ("templates.gatekeeper.sh", "constraints.gatekeeper.sh", "config.gatekeeper.sh")
Manifest = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class GatekeeperArgs:
    """`chart`: a folder, or a name in the repository `repository`, with its `version`. `image`: by digest.

    `rules`: template and constraint of each. `exempt`: the namespaces that nothing is asked about. `beside`: group,
    version and kind of what rules look up beside the object that is asked about. `answers`: False where no container
    runs: then there is no webhook and no rule, as nobody would ever answer.
    `cpu`: what each replica asks for, in thousandths of a core.
    """

    environment: str
    chart: str
    image: pulumi.Input[str]
    rules: Sequence[tuple[Manifest, Manifest]]
    exempt: Sequence[str]
    beside: Sequence[tuple[str, str, str]] = ()
    replicas: int = 2
    cpu: int = 100
    answers: bool = True
    version: str | None = None
    repository: str | None = None

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)
        if self.replicas < 1:
            raise UserError(what=f"replicas: {self.replicas} of Gatekeeper let nothing in", allowed="1 or more")
        if NAMESPACE not in self.exempt:
            raise UserError(what=f"exempt: without {NAMESPACE} Gatekeeper waits for itself", allowed=f"… {NAMESPACE}")


class Gatekeeper(pulumi.ComponentResource):
    """The webhook, closed where nobody answers, then its rules. No audit, no mutation: the gate looks at what stands.

    It is asked about the kinds that rules are about, and no others: a node whose leases it had to let in would be lost
    while it is down, and it could not come up again.
    """

    def __init__(self, name: str, args: GatekeeperArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:admission:Gatekeeper", name, None, opts)
        labels = platform_labels(args.environment, NAME) | pod_security()
        namespace = Namespace(
            NAMESPACE,
            metadata=ObjectMetaArgs(name=NAMESPACE, labels=labels),
            opts=pulumi.ResourceOptions(parent=self),
        )
        guards = [
            NetworkPolicy(
                f"{name}-{called}",
                metadata=ObjectMetaArgs(
                    name=called, namespace=NAMESPACE, labels=platform_labels(args.environment, NAME)
                ),
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
            )
            for called, spec in (("closed", closed()), (NAME, _network()))
        ]
        chart = Chart(
            name,
            chart=args.chart,
            name=NAME,
            namespace=NAMESPACE,
            version=args.version,
            repository_opts=RepositoryOptsArgs(repo=args.repository) if args.repository else None,
            values=_values(args),
            resource_prefix=name,
            opts=pulumi.ResourceOptions(parent=self, depends_on=guards),
        )
        if args.answers:
            self._rules(args, chart)
        self.register_outputs({})

    def _rules(self, args: GatekeeperArgs, chart: Chart) -> None:
        """What is looked up before what looks it up; a constraint after the template that its kind is made of."""
        wanted = [{"group": group, "version": version, "kind": kind} for group, version, kind in args.beside]
        kept = CustomResource(
            f"{NAME}-config",
            api_version="config.gatekeeper.sh/v1alpha1",
            kind="Config",
            metadata=ObjectMetaArgs(name="config", namespace=NAMESPACE),
            spec={"sync": {"syncOnly": wanted}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[chart]),
        )
        for template, constraint in args.rules:
            made = _custom(self, template, [kept])
            # Its kind is on its way: the provider asks again for a minute. Without the audit no status says when.
            _custom(self, constraint, [made])


def _custom(parent: pulumi.Resource, manifest: Manifest, after: Sequence[pulumi.Resource]) -> CustomResource:
    metadata = manifest["metadata"]
    assert isinstance(metadata, Mapping)  # noqa: S101 – as policies/admission makes them
    kind = str(manifest["kind"])
    own = "template" if kind == "ConstraintTemplate" else "constraint"
    return CustomResource(
        f"{own}-{metadata['name']}",
        api_version=str(manifest["apiVersion"]),
        kind=kind,
        metadata=ObjectMetaArgs(name=metadata["name"], annotations=metadata.get("annotations")),
        spec=manifest["spec"],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(after)),
    )


def asked_about(rules: Sequence[tuple[Manifest, Manifest]]) -> Iterator[dict[str, object]]:
    """The webhook's rules: every kind that a constraint matches. Raises UserError for one that has no place here."""
    kinds = sorted({kind for _, constraint in rules for kind in _kinds(constraint)})
    unknown = [kind for kind in kinds if kind not in _RESOURCES and kind not in _CONNECTED]
    if unknown:
        raise UserError(
            what=f"admission: no webhook asks about {', '.join(unknown)}",
            fix="name group and plural in components/admission/gatekeeper.py",
        )
    groups: dict[str, list[str]] = {}
    for group, plural in (_RESOURCES[kind] for kind in kinds if kind in _RESOURCES):
        groups.setdefault(group, []).append(plural)
    if "pods" in groups.get("", []):
        groups[""].append("pods/ephemeralcontainers")
    for group, plurals in groups.items():
        yield _rule([group], plurals, ["CREATE", "UPDATE"])
    yield _rule(list(_OWN), ["*"], ["CREATE", "UPDATE"])
    connected = [_CONNECTED[kind] for kind in kinds if kind in _CONNECTED]
    if connected:
        yield _rule([""], connected, ["CONNECT"])


def _kinds(constraint: Manifest) -> Iterator[str]:
    spec = constraint["spec"]
    assert isinstance(spec, Mapping)  # noqa: S101 – as policies/admission makes them
    for each in spec["match"]["kinds"]:
        # The engine's name for an object that it changes only; the API server knows the object's own kind.
        yield from (kind for kind in each["kinds"] if not kind.endswith("Patch"))


def _rule(groups: list[str], resources: list[str], operations: list[str]) -> dict[str, object]:
    return {
        "apiGroups": groups,
        "apiVersions": ["*"],
        "operations": operations,
        "resources": resources,
        "scope": "*",
    }


def _network() -> NetworkPolicySpecArgs:
    """The API server calls, from an address that no policy can name; the webhook asks it for what it keeps."""
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=_SELECTOR),
        policy_types=["Ingress", "Egress"],
        ingress=[NetworkPolicyIngressRuleArgs(ports=[tcp(_PORT)])],
        egress=names_and_api_server(),
    )


def _values(args: GatekeeperArgs) -> dict[str, pulumi.Input[object]]:
    # The chart joins the two with a colon, which is what stands before a digest's digits.
    reference = pulumi.Output.from_input(args.image).apply(lambda text: text.rpartition(":"))
    repository, digest = reference.apply(lambda parts: parts[0]), reference.apply(lambda parts: parts[2])
    labels = platform_labels(args.environment, NAME)
    own = ("app.kubernetes.io/part-of", "groundwork/environment", "groundwork/cost-centre")
    return {
        "replicas": args.replicas,
        "image": {"repository": repository, "release": digest, "pullPolicy": "IfNotPresent"},
        "podLabels": {key: labels[key] for key in own},
        "podAnnotations": {} if args.answers else {ANSWERED: "nobody asks"},
        "disableAudit": True,
        "disableMutation": True,
        "disableValidatingWebhook": not args.answers,
        "enableExternalData": False,
        "enableGeneratorResourceExpansion": False,
        "enableK8sNativeValidation": False,
        "resourceQuota": False,
        "postInstall": {"labelNamespace": {"enabled": False}, "probeWebhook": {"enabled": False}},
        "upgradeCRDs": {"enabled": False},
        "validatingWebhookFailurePolicy": "Fail",
        "validatingWebhookCheckIgnoreFailurePolicy": "Fail",
        "validatingWebhookTimeoutSeconds": 5,
        "validatingWebhookCustomRules": list(asked_about(args.rules)),
        "validatingWebhookExemptNamespacesLabels": {
            "kubernetes.io/metadata.name": [each for each in args.exempt if each != NAMESPACE]
        },
        # One replica is never to be drained away: of several, one at a time.
        "pdb": {"controllerManager": {"minAvailable": max(args.replicas - 1, 0)}},
        "controllerManager": {
            # The chart leaves it to the audit's pod to make a constraint's kind of its template.
            "disableGenerateOperation": False,
            "strategyRollingUpdate": {"maxUnavailable": 0},
            **(chart_spread(PODS) if args.replicas > 1 else {}),
            # It is let in, and keeps its place, before all that it is asked about.
            "priorityClassName": "system-cluster-critical",
            "resources": {
                "requests": {"cpu": format_cpu(args.cpu), "memory": "128Mi"},
                "limits": {"cpu": "1", "memory": "384Mi"},
            },
        },
    }
