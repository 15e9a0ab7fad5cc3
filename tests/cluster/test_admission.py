"""Gatekeeper on the running node: what it and Pod Security refuse, and that nothing gets in while it is down."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from components.admission.gatekeeper import NAMESPACE
from groundwork.waiting import wait_until
from policies.admission.templates import constraint, kind_of, template
from policies.rule import Rule, Severity
from tests.cluster.node import kubectl
from tests.cluster.probes import pod
from tests.policies.cases import GONE, changed
from tests.policies.cases import Path as Where

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]
SPACE = "groundwork-admission-test"
SCRATCH = Rule(
    id="k8s-scratch",
    title="A rule of this test's",
    severity=Severity.LOW,
    frameworks=(),
    remediation="none",
    types=frozenset({"Ingress"}),
)
MANAGER = "deployment/gatekeeper-controller-manager"
CLOSED = "failed calling webhook"
_C: Where = ("spec", "containers", 0)
_CONTEXT: Where = (*_C, "securityContext")

# What each check of the Pod Security standard is about, by its name: https://kubernetes.io/docs/concepts/security/pod-security-standards/
BAD_PODS: Mapping[str, tuple[Where, object]] = {
    "hostNamespaces network": (("spec", "hostNetwork"), True),
    "hostNamespaces pid": (("spec", "hostPID"), True),
    "hostNamespaces ipc": (("spec", "hostIPC"), True),
    "windowsHostProcess": (("spec", "securityContext", "windowsOptions"), {"hostProcess": True}),
    "privileged": (_CONTEXT, {"privileged": True}),
    "capabilities baseline": ((*_CONTEXT, "capabilities"), {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "capabilities restricted": ((*_CONTEXT, "capabilities"), {}),
    "hostPathVolumes": (("spec", "volumes"), [{"name": "root", "hostPath": {"path": "/"}}]),
    "restrictedVolumes": (("spec", "volumes"), [{"name": "far", "nfs": {"server": "a", "path": "/"}}]),
    "hostPorts": ((*_C, "ports", 0, "hostPort"), 8080),
    "hostProbes": ((*_C, "livenessProbe"), {"tcpSocket": {"host": "127.0.0.1", "port": 1}}),
    "hostLifecycle": ((*_C, "lifecycle"), {"preStop": {"httpGet": {"host": "127.0.0.1", "port": 1}}}),
    "appArmorProfile": ((*_CONTEXT, "appArmorProfile"), {"type": "Unconfined"}),
    "seLinuxOptions": ((*_CONTEXT, "seLinuxOptions"), {"type": "spc_t"}),
    "procMount": ((*_CONTEXT, "procMount"), "Unmasked"),
    "seccompProfile baseline": ((*_CONTEXT, "seccompProfile"), {"type": "Unconfined"}),
    "seccompProfile restricted": (("spec", "securityContext", "seccompProfile"), GONE),
    "sysctls": (("spec", "securityContext", "sysctls"), [{"name": "kernel.msgmax", "value": "1"}]),
    "allowPrivilegeEscalation": ((*_CONTEXT, "allowPrivilegeEscalation"), True),
    "runAsNonRoot": (("spec", "securityContext", "runAsNonRoot"), False),
    "runAsUser": (("spec", "securityContext", "runAsUser"), 0),
}

# Without this the API server calls the pod invalid before anybody is asked whether it may be.
VALID: Mapping[str, tuple[Where, object]] = {
    "windowsHostProcess": (("spec", "hostNetwork"), True),
    "procMount": (("spec", "hostUsers"), False),
}


@pytest.fixture(scope="module", autouse=True)
def space(environment: None) -> Iterator[None]:
    """A namespace of its own; and the manager is back in the end."""
    del environment
    kubectl("create", "namespace", SPACE)
    labels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    kubectl("label", "namespace", SPACE, *labels)
    try:
        yield
    finally:
        kubectl("scale", "-n", NAMESPACE, MANAGER, "--replicas=1", check=False)
        kubectl("rollout", "status", "-n", NAMESPACE, MANAGER, "--timeout=120s", check=False)
        kubectl("delete", "namespace", SPACE, "--wait=false", check=False)


def good(name: str = "good") -> dict[str, object]:
    made = copy.deepcopy(pod(name, {"app": name}, "import time; time.sleep(3600)"))
    made["metadata"] = {"name": name, "namespace": SPACE, "labels": {"app": name}}
    return made


def asked(*objects: Mapping[str, object], dry_run: bool = True) -> subprocess.CompletedProcess[str]:
    """What the API server says of creating them; Gatekeeper is asked in a dry run too."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    words = ["--dry-run=server"] if dry_run else []
    return kubectl("create", *words, "-f", "-", check=False, stdin=json.dumps(listed))


def refused(made: Mapping[str, object], why: str) -> None:
    done = asked(made)
    assert done.returncode != 0, done.stdout
    assert why in done.stderr, done.stderr


def test_a_restricted_pod_of_an_image_of_the_bill_gets_in() -> None:
    done = asked(good())
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("check", BAD_PODS)
def test_a_pod_that_breaks_the_pod_security_standard_is_refused(check: str) -> None:
    made = changed(good(), *VALID[check]) if check in VALID else good()
    done = asked(changed(made, *BAD_PODS[check]))
    assert done.returncode != 0, check
    assert "violates PodSecurity" in done.stderr or "denied the request" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("localhost/groundwork/agent-runtime:latest", "k8s-image-digest"),
        ("localhost/groundwork/agent-runtime@sha256:" + "b" * 64, "k8s-image-in-bill"),
        ("docker.io/library/redis@sha256:" + "b" * 64, "k8s-image-registry"),
    ],
)
def test_an_image_that_is_not_of_the_bill_is_refused(image: str, why: str) -> None:
    refused(changed(good(), (*_C, "image"), image), why)


def test_a_pod_without_limits_is_refused() -> None:
    refused(changed(good(), (*_C, "resources"), {}), "k8s-pod-limits")


def test_a_node_port_is_refused() -> None:
    spec = {"type": "NodePort", "ports": [{"port": 80}]}
    made = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": SPACE}, "spec": spec}
    refused(made, "k8s-service-exposure")


def test_a_host_that_is_another_tenants_is_refused() -> None:
    routes = json.loads(kubectl("get", "virtualservices.networking.istio.io", "-n", "acme", "-o", "json").stdout)
    taken = next(each["spec"] for each in routes["items"] if set(each["spec"].get("gateways", [])) - {"mesh"})
    made = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "taken", "namespace": SPACE},
        "spec": taken,
    }
    refused(made, "tenant-hosts-unique")


def test_nobody_enters_a_tenants_pod_and_somebody_may_enter_another() -> None:
    names = kubectl("get", "pods", "-n", "acme", "-o", "jsonpath={.items[*].metadata.name}").stdout.split()
    done = kubectl("exec", "-n", "acme", names[0], "--", "true", check=False)
    assert done.returncode != 0
    assert "k8s-no-exec" in done.stderr, done.stderr
    made = asked(good("entered"), dry_run=False)
    assert made.returncode == 0, made.stderr
    kubectl("wait", "-n", SPACE, "--for=condition=Ready", "pod/entered", "--timeout=60s")
    kubectl("exec", "-n", SPACE, "entered", "--", "python3", "-c", "pass")


def test_a_parameter_that_comes_with_its_template_is_not_lost(tmp_path: Path) -> None:
    """The constraint is written while its kind is still what the earlier template made of it."""
    (tmp_path / f"{SCRATCH.id}.rego").write_text("package scratch\n\nviolation contains {} if false\n")

    def applied(*names: str) -> None:
        schema = {name: {"type": "string"} for name in names}
        both = [template(SCRATCH, tmp_path, schema), constraint(SCRATCH, parameters=dict.fromkeys(names, "said"))]
        made = json.dumps({"apiVersion": "v1", "kind": "List", "items": both})
        assert wait_until(lambda: kubectl("apply", "-f", "-", check=False, stdin=made).returncode == 0, 60)

    try:
        applied("first")
        applied("first", "second")
        found = kubectl("get", kind_of(SCRATCH), SCRATCH.id, "-o", "jsonpath={.spec.parameters}").stdout
        assert json.loads(found) == {"first": "said", "second": "said"}
    finally:
        kubectl("delete", "constrainttemplate", kind_of(SCRATCH).lower(), "--ignore-not-found")


def test_nobody_spares_a_namespace() -> None:
    done = kubectl("label", "namespace", SPACE, "admission.gatekeeper.sh/ignore=yes", check=False)
    assert done.returncode != 0
    assert "check-ignore-label" in done.stderr, done.stderr


def test_nothing_gets_in_while_gatekeeper_is_down_and_again_when_it_is_up() -> None:
    kubectl("scale", "-n", NAMESPACE, MANAGER, "--replicas=0")
    assert wait_until(lambda: CLOSED in asked(good()).stderr, 60)
    refused(good(), CLOSED)
    kubectl("scale", "-n", NAMESPACE, MANAGER, "--replicas=1")
    kubectl("rollout", "status", "-n", NAMESPACE, MANAGER, "--timeout=120s")
    assert wait_until(lambda: asked(good()).returncode == 0, 60)
    refused(changed(good(), (*_C, "image"), "localhost/groundwork/agent-runtime:latest"), "k8s-image-digest")
