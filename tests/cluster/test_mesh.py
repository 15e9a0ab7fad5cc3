"""The mesh of the environment that is up: who is let in, who is not, and what goes on when istiod does not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import yaml

from groundwork.waiting import wait_until
from local.authority.certificates import fingerprint
from local.authority.install import vault_of
from local.authority.mesh import MeshTrust, Proxy
from local.authority.vault import Phase, State
from local.cluster import Cluster
from tests.cluster.mesh import KUBECTL, PATHS, Load, Space, idle, kubectl, load, serve

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment", "spaces")]

A, B = Space(name="gwm-a"), Space(name="gwm-b")
STOPPED_SECONDS = 120
# Till the proxies know what was asked for.
KNOWN_SECONDS = 60.0
# Certificates of a minute, renewed when 42 seconds are left.
BRIEF = {"SECRET_TTL": "1m", "SECRET_GRACE_PERIOD_RATIO": "0.7", "SECRET_GRACE_PERIOD_RATIO_JITTER": "0"}
SHORT = {"proxy.istio.io/config": yaml.safe_dump({"proxyMetadata": BRIEF})}
TRUST = MeshTrust(cluster=Cluster(kubectl=KUBECTL, kubeconfig=PATHS.kubeconfig))


@pytest.fixture(scope="module")
def spaces() -> Iterator[None]:
    for space in (A, B):
        space.make()
        serve(space)
        idle(space, "client")
    idle(A, "stranger", {"sidecar.istio.io/inject": "false"})
    for space in (A, B):
        space.wait("server", "client")
    A.wait("stranger")
    yield
    for space in (A, B):
        space.delete()


def proxy_of(pod: str) -> Proxy:
    """What the pod's proxy holds, as soon as it says so."""
    said: list[Proxy] = []

    def answers() -> bool:
        said.append(TRUST.proxy("gwm-a", pod))
        return said[-1].answers

    assert wait_until(answers, KNOWN_SECONDS), f"the proxy of {pod} does not say what it holds"
    return said[-1]


def test_its_own_service_answers_and_knows_who_asked() -> None:
    assert wait_until(lambda: A.ask("client", f"http://{A.host()}/").startswith("200"), KNOWN_SECONDS)
    assert "URI=spiffe://cluster.local/ns/gwm-a/sa/default" in A.ask("client", f"http://{A.host()}/")


def test_another_tenants_service_is_not_to_be_had() -> None:
    """Its name is not known to the caller's sidecar."""
    assert wait_until(lambda: B.ask("client", f"http://{B.host()}/").startswith("200"), KNOWN_SECONDS)
    assert A.ask("client", f"http://{B.host()}/").partition(" ")[0] in {"403", "502"}


def test_another_tenant_that_gets_as_far_as_the_pod_is_refused_by_its_certificate() -> None:
    """The caller's own window is opened: the door of the other side is still shut."""
    window = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": "open", "namespace": "gwm-a"},
        "spec": {
            "workloadSelector": {"labels": {"app": "client"}},
            "egress": [{"hosts": ["*/*"]}],
        },
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(window))
    try:
        assert wait_until(lambda: A.ask("client", f"http://{B.host()}/").startswith("403"), KNOWN_SECONDS)
    finally:
        kubectl("delete", "sidecar", "open", "-n", "gwm-a")


def test_plaintext_is_refused() -> None:
    """From a pod of the mesh, past its own sidecar: as the proxy's user, whose traffic is not redirected."""
    address = kubectl("get", "pod", "server", "-n", "gwm-a", "-o", "jsonpath={.status.podIP}")
    url = f"http://{address}:8080/"
    assert A.ask("client", url, "istio-proxy").startswith(("ConnectionResetError", "RemoteDisconnected"))
    assert A.ask("client", f"http://{A.host()}/").startswith("200")


def test_a_pod_without_a_sidecar_is_refused() -> None:
    answer = A.ask("stranger", f"http://{A.host()}/")
    assert answer.startswith(("ConnectionResetError", "RemoteDisconnected"))


def test_what_nobody_declared_is_not_reached() -> None:
    """REGISTRY_ONLY: the sidecar knows no such host, whether DNS does or not."""
    answer = A.ask("client", "http://10.244.0.1:6443/")
    assert answer.startswith(("502", "ConnectionResetError", "RemoteDisconnected"))


def test_sidecars_need_no_privilege() -> None:
    spec = json.loads(kubectl("get", "pod", "client", "-n", "gwm-a", "-o", "json"))["spec"]
    injected = [one for one in spec["initContainers"] if one["name"].startswith("istio-")]
    assert {one["name"] for one in injected} == {"istio-validation", "istio-proxy"}
    for one in injected:
        context = one["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["runAsNonRoot"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True


def test_certificates_hang_from_the_root_that_is_kept_off_the_cluster() -> None:
    vault = vault_of(PATHS)
    ours = {fingerprint(vault.root(id_).parsed()) for id_ in vault.state().trusted}
    assert proxy_of("client").trusts == ours
    secret = TRUST.secret()
    assert secret is not None
    assert not any(vault.root(id_).key.strip() in text for id_ in vault.state().trusted for text in secret.values())


@pytest.mark.long
def test_traffic_flows_while_istiod_is_stopped() -> None:
    asked = begin("stopped")
    replicas = kubectl("get", "deployment", "istiod", "-n", "istio-system", "-o", "jsonpath={.spec.replicas}")
    kubectl("scale", "deployment", "istiod", "-n", "istio-system", "--replicas=0")
    try:
        stopped = time.monotonic()
        before = asked.counted()[0]
        # Nothing to wait for but the time itself: the requests of these two minutes are the test.
        assert not wait_until(lambda: asked.counted()[1] > 0, STOPPED_SECONDS)
        assert time.monotonic() - stopped >= STOPPED_SECONDS
        count, failed, failures = asked.counted()
    finally:
        kubectl("scale", "deployment", "istiod", "-n", "istio-system", f"--replicas={replicas}")
        kubectl("rollout", "status", "deployment", "istiod", "-n", "istio-system", "--timeout=180s")
    assert (failed, failures) == (0, [])
    assert count - before > STOPPED_SECONDS


def test_certificates_rotate_under_load_without_a_failed_request() -> None:
    serve(A, "brief", SHORT)
    A.wait("brief")
    asked = begin("rotating", "brief", SHORT)
    seen = {"brief": set[str](), "load-rotating": set[str]()}

    def rotated() -> bool:
        for pod, serials in seen.items():
            serials.add(proxy_of(pod).serial or "")
        return asked.counted()[1] > 0 or all(len(serials) >= 3 for serials in seen.values())

    assert wait_until(rotated, 180)
    count, failed, failures = asked.counted()
    assert (failed, failures) == (0, [])
    assert count > 100


def begin(name: str, server: str = "server", annotations: dict[str, str] | None = None) -> Load:
    """Load that has begun to be answered."""
    asked = load(A, A.host(server), f"load-{name}", annotations)
    A.wait(f"load-{name}")
    assert wait_until(lambda: asked.counted()[0] > 20, 60)
    assert asked.counted()[1] == 0
    return asked


@pytest.mark.long
def test_the_root_is_rotated_under_load_without_a_failed_request() -> None:
    """As docs/runbooks/rotate-the-root.md says: rotate, restart what still holds an old certificate, rotate."""
    for space in (A, B):  # the pods of earlier tests are nobody's to restart, and their certificates last a day
        kubectl("delete", "pods", "--all", "-n", space.name)
    serve(A, "steady", SHORT)
    A.wait("steady")
    asked = begin("root", "steady", SHORT)
    before = vault_of(PATHS).state()
    state = rotate()
    if state.phase is not Phase.STEADY:
        restart_members()
        reached: list[Phase] = []

        def steady() -> bool:
            reached.append(rotate().phase)
            return asked.counted()[1] > 0 or reached[-1] is Phase.STEADY

        assert wait_until(steady, 300), "pods still hold certificates of the old root"
    after = vault_of(PATHS).state()
    assert after.current != before.current
    assert not (vault_of(PATHS).folder / f"{before.current}.key").exists()
    assert proxy_of("steady").trusts == {fingerprint(vault_of(PATHS).root(after.current).parsed())}
    count, failed, failures = asked.counted()
    assert (failed, failures) == (0, [])
    assert count > 200


def rotate() -> State:
    """The command, as a person runs it."""
    command = [sys.executable, "-m", "groundwork", "mesh", "root", "rotate"]
    subprocess.run(command, check=True, timeout=900, stdout=subprocess.DEVNULL)
    return vault_of(PATHS).state()


def restart_members() -> None:
    """Replace the pods of every workload with sidecars, one namespace after the other."""
    names = "jsonpath={.items[*].metadata.name}"
    for namespace in kubectl("get", "namespaces", "-l", "istio-injection=enabled", "-o", names).split():
        workloads = kubectl("get", "deployments,daemonsets", "-n", namespace, "-o", "name").split()
        for workload in workloads:
            kubectl("rollout", "restart", workload, "-n", namespace)
        for workload in workloads:
            kubectl("rollout", "status", workload, "-n", namespace, "--timeout=300s")
