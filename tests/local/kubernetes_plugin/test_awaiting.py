from __future__ import annotations

import pytest

from local.kubernetes_plugin.awaiting import kstatus
from local.kubernetes_plugin.awaiting.deployment import CLAIMS, DEPLOYMENTS, REPLICA_SETS, DeploymentAwaiter
from local.kubernetes_plugin.awaiting.ingress import INGRESSES, IngressAwaiter
from local.kubernetes_plugin.awaiting.job import JOBS, JobAwaiter
from local.kubernetes_plugin.awaiting.pods import container_errors, crashed_containers, pod_state
from local.kubernetes_plugin.awaiting.service import ENDPOINT_SLICES, SERVICES, ServiceAwaiter
from local.kubernetes_plugin.awaiting.simple import (
    PodAwaiter,
    claim_judge,
    quota_ready,
    replicas_ready,
    token_ready,
    volume_ready,
)
from local.kubernetes_plugin.awaiting.statefulset import STATEFUL_SETS, StatefulSetAwaiter
from local.kubernetes_plugin.cluster import PODS
from local.plugin.values import Json, Object
from tests.local.kubernetes_plugin.samples import Clock, Heard, deployment, pod, replica_set, tell

AVAILABLE = {"Available": ("True", "MinimumReplicasAvailable"), "Progressing": ("True", "NewReplicaSetAvailable")}
STARTING = {"Available": ("False", "MinimumReplicasUnavailable"), "Progressing": ("True", "ReplicaSetUpdated")}


def _rollout(before: Object | None = None) -> tuple[DeploymentAwaiter, Heard]:
    heard = Heard()
    return DeploymentAwaiter(deployment(), before, heard), heard


def test_a_new_deployment_is_ready_when_its_pods_are() -> None:
    awaiter, heard = _rollout()
    tell(awaiter, DEPLOYMENTS, deployment(STARTING))
    tell(awaiter, REPLICA_SETS, replica_set(0))
    assert not awaiter.ready()
    tell(awaiter, REPLICA_SETS, replica_set(1))
    assert not awaiter.ready()
    tell(awaiter, DEPLOYMENTS, deployment(AVAILABLE))
    assert awaiter.ready()
    assert heard.texts[-1] == "Deployment initialization complete"
    assert "Waiting for app ReplicaSet to be available (0/1 Pods available)" in heard.texts


def test_a_status_of_an_older_generation_does_not_count() -> None:
    awaiter, _ = _rollout(deployment())
    tell(awaiter, REPLICA_SETS, replica_set(1))
    tell(awaiter, DEPLOYMENTS, deployment(AVAILABLE, generation=2, observed=1))
    assert not awaiter.ready()


def test_a_rollout_needs_the_new_replica_set() -> None:
    awaiter, _ = _rollout(deployment())
    tell(awaiter, REPLICA_SETS, replica_set(1, revision="1"))
    tell(awaiter, DEPLOYMENTS, deployment(AVAILABLE, generation=2, observed=2, revision="2"))
    assert not awaiter.ready()
    tell(awaiter, REPLICA_SETS, replica_set(1, revision="2"))
    assert awaiter.ready()


def test_pods_that_are_refused_are_a_reason() -> None:
    awaiter, _ = _rollout()
    tell(awaiter, DEPLOYMENTS, deployment({**STARTING, "ReplicaFailure": ("True", "FailedCreate")}))
    assert "[FailedCreate] ReplicaFailure is True" in awaiter.problems()


def test_other_deployments_mean_nothing() -> None:
    awaiter, _ = _rollout()
    other = deployment(AVAILABLE)
    other["metadata"]["name"] = "other"
    tell(awaiter, DEPLOYMENTS, other)
    tell(awaiter, REPLICA_SETS, replica_set(1, owner="other"))
    assert not awaiter.ready()


def test_an_unbound_claim_holds_a_deployment_up() -> None:
    awaiter, _ = _rollout()
    tell(
        awaiter, CLAIMS, {"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "status": {"phase": "Pending"}}
    )
    tell(awaiter, DEPLOYMENTS, deployment(AVAILABLE))
    tell(awaiter, REPLICA_SETS, replica_set(1))
    assert not awaiter.ready()
    assert 'Failed to bind PersistentVolumeClaim(s): "data"' in awaiter.problems()


def test_the_reasons_of_a_failed_rollout_name_the_pod_and_the_image() -> None:
    awaiter, _ = _rollout()
    tell(awaiter, DEPLOYMENTS, deployment(STARTING))
    tell(awaiter, REPLICA_SETS, replica_set(0))
    waiting = {"waiting": {"reason": "ErrImageNeverPull", "message": "image is not present"}}
    tell(awaiter, PODS, pod(replica_set(0), ready="False", state=waiting))
    assert awaiter.problems() == [
        "[MinimumReplicasUnavailable] Available is False",
        "Minimum number of live Pods was not attained",
        "[Pod n/web-1-x]: containers with unready status: [c][ErrImageNeverPull] image is not present",
    ]


def test_a_pod_that_no_node_takes_is_a_reason() -> None:
    blocked: Object = {
        "metadata": {"name": "p", "namespace": "n"},
        "status": {
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1"}]
        },
    }
    message = pod_state(blocked).message
    assert message is not None
    assert message.text == "[Pod n/p]: 0/1"


def test_a_container_that_is_being_made_is_no_error() -> None:
    assert list(container_errors(pod(ready="False", state={"waiting": {"reason": "ContainerCreating"}}))) == []


def test_the_end_of_a_container_is_told_with_its_exit_code() -> None:
    ended = {"terminated": {"reason": "Error", "exitCode": 3, "finishedAt": "t"}}
    assert list(container_errors(pod(ready="False", state=ended))) == ['container "c" completed with exit code 3']
    looping = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    found = pod(ready="False", state=looping, lastState=ended)
    assert list(container_errors(found)) == [
        "[CrashLoopBackOff] back-off",
        'container "c" terminated at t (Error: exit code 3)',
    ]
    assert list(crashed_containers(found)) == [("c", True)]


def _stateful_set(generation: int = 1, **status: Json) -> Object:
    return {
        "kind": "StatefulSet",
        "metadata": {"name": "db", "generation": generation},
        "spec": {"replicas": 2, "updateStrategy": {"type": status.pop("strategy", "RollingUpdate")}},
        "status": {"observedGeneration": generation, "currentRevision": "r1", "updateRevision": "r1", **status},
    }


def test_a_stateful_set_needs_all_replicas_of_one_revision() -> None:
    heard = Heard()
    awaiter = StatefulSetAwaiter(_stateful_set(), heard)
    tell(awaiter, STATEFUL_SETS, _stateful_set(replicas=2, readyReplicas=1, currentReplicas=2))
    assert not awaiter.ready()
    assert awaiter.problems() == ["1 out of 2 replicas succeeded readiness checks"]
    tell(awaiter, STATEFUL_SETS, _stateful_set(2, replicas=2, readyReplicas=2, currentReplicas=2, updateRevision="r2"))
    assert not awaiter.ready()
    assert 'StatefulSet controller failed to advance from revision "r1" to revision "r2"' in awaiter.problems()
    tell(awaiter, STATEFUL_SETS, _stateful_set(2, replicas=2, readyReplicas=2, currentReplicas=2))
    assert awaiter.ready()
    assert heard.texts[-1] == "StatefulSet initialization complete"


def test_a_stateful_set_updated_on_delete_does_not_wait_for_the_revision() -> None:
    updated = _stateful_set(2, replicas=2, readyReplicas=2, updateRevision="r2", strategy="OnDelete")
    awaiter = StatefulSetAwaiter(updated, Heard())
    tell(awaiter, STATEFUL_SETS, updated)
    assert awaiter.ready()


def _service(**spec: Json) -> Object:
    return {"kind": "Service", "metadata": {"name": "s"}, "spec": spec}


def _slice(*ready: bool) -> Object:
    endpoints = [{"conditions": {"ready": one}} for one in ready]
    return {"metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}}, "endpoints": endpoints}


@pytest.mark.parametrize("endpoints", [(), (True,), (True, True)])
def test_a_service_is_ready_when_its_endpoints_have_settled(endpoints: tuple[bool, ...]) -> None:
    clock = Clock()
    awaiter = ServiceAwaiter(_service(selector={"a": "b"}), Heard(), clock)
    tell(awaiter, SERVICES, _service(selector={"a": "b"}))
    tell(awaiter, ENDPOINT_SLICES, _slice(*endpoints))
    assert not awaiter.ready()
    clock.now = 10
    assert awaiter.ready()


@pytest.mark.parametrize("endpoints", [(False,), (True, False)])
def test_a_service_waits_for_every_pod_that_it_selects(endpoints: tuple[bool, ...]) -> None:
    clock = Clock()
    awaiter = ServiceAwaiter(_service(selector={"a": "b"}), Heard(), clock)
    tell(awaiter, SERVICES, _service(selector={"a": "b"}))
    tell(awaiter, ENDPOINT_SLICES, _slice(*endpoints))
    clock.now = 60
    assert not awaiter.ready()
    assert "does not target any Pods" in awaiter.problems()[0]
    ending = _slice(*endpoints)
    for endpoint in ending["endpoints"]:
        endpoint["conditions"]["terminating"] = not endpoint["conditions"]["ready"]
    tell(awaiter, ENDPOINT_SLICES, ending)
    clock.now = 80
    assert awaiter.ready()


@pytest.mark.parametrize("spec", [{"type": "ExternalName"}, {"clusterIP": "None"}, {"selector": {}}])
def test_services_without_endpoints_of_their_own_are_ready_at_once(spec: dict[str, Json]) -> None:
    awaiter = ServiceAwaiter(_service(**spec), Heard(), Clock())
    tell(awaiter, SERVICES, _service(**spec))
    assert awaiter.ready()


def test_a_load_balancer_needs_an_address() -> None:
    clock, balanced = Clock(), _service(type="LoadBalancer", selector={"a": "b"})
    awaiter = ServiceAwaiter(balanced, Heard(), clock)
    tell(awaiter, SERVICES, balanced)
    tell(awaiter, ENDPOINT_SLICES, _slice(True))
    clock.now = 20
    assert not awaiter.ready()
    assert awaiter.problems() == ["Service was not allocated an IP address; does your cloud provider support this?"]
    tell(awaiter, SERVICES, {**balanced, "status": {"loadBalancer": {"ingress": [{"ip": "1"}]}}})
    assert awaiter.ready()


def _ingress(address: bool) -> Object:
    path = {"path": "/", "backend": {"service": {"name": "s"}}}
    status = {"loadBalancer": {"ingress": [{"ip": "1"}]}} if address else {}
    spec = {"rules": [{"host": "h", "http": {"paths": [path]}}]}
    return {"kind": "Ingress", "metadata": {"name": "i"}, "spec": spec, "status": status}


def test_an_ingress_needs_its_services_and_an_address() -> None:
    clock = Clock()
    awaiter = IngressAwaiter(_ingress(False), Heard(), clock)
    tell(awaiter, INGRESSES, _ingress(True))
    assert not awaiter.ready()
    tell(awaiter, ENDPOINT_SLICES, _slice(True))
    assert awaiter.ready()
    tell(awaiter, INGRESSES, _ingress(False))
    assert not awaiter.ready()
    assert ".status.loadBalancer" in awaiter.problems()[0]


def test_an_ingress_for_a_service_that_never_comes_is_warned_of_and_let_go() -> None:
    clock, heard = Clock(), Heard()
    awaiter = IngressAwaiter(_ingress(False), heard, clock)
    tell(awaiter, INGRESSES, _ingress(True))
    clock.now = 61
    assert awaiter.ready()
    assert 'No matching service found for ingress rule: "h/" -> "s"' in heard.texts


def _job(*conditions: tuple[str, str], **status: Json) -> Object:
    listed = [{"type": kind, "status": "True", "reason": reason, "message": "told"} for kind, reason in conditions]
    metadata = {"name": "j", "namespace": "n"}
    return {"kind": "Job", "metadata": metadata, "status": {"startTime": "t", "conditions": listed, **status}}


def test_a_job_is_ready_when_it_is_complete() -> None:
    heard = Heard()
    awaiter = JobAwaiter(_job(), heard)
    tell(awaiter, JOBS, _job(active=1))
    assert not awaiter.ready()
    tell(awaiter, JOBS, _job(("Complete", "CompletionsReached"), succeeded=1))
    assert awaiter.ready()
    assert 'Waiting for Job "n/j" to succeed (Active: 0 | Succeeded: 1 | Failed: 0)' in heard.texts


def test_a_failed_job_is_not_waited_for_and_says_why() -> None:
    awaiter = JobAwaiter(_job(), Heard())
    ended = {"terminated": {"reason": "Error", "exitCode": 1}}
    tell(awaiter, PODS, pod(_job(), ready="False", state=ended))
    tell(awaiter, JOBS, _job(("Failed", "BackoffLimitExceeded")))
    assert awaiter.failed()
    assert "exit code 1" in awaiter.problems()[0]
    assert awaiter.problems()[1] == "[BackoffLimitExceeded] told"


def test_a_pod_of_its_own_is_ready_or_done() -> None:
    awaiter = PodAwaiter(pod(), Heard())
    tell(awaiter, PODS, pod(ready="False"))
    assert not awaiter.ready()
    done = pod(ready="False")
    done["status"]["phase"] = "Succeeded"
    tell(awaiter, PODS, done)
    assert awaiter.ready()


def test_kinds_that_their_status_speaks_for() -> None:
    assert volume_ready({"status": {"phase": "Available"}})[0]
    assert not volume_ready({"status": {"phase": "Pending"}})[0]
    assert quota_ready({"spec": {"hard": {"pods": "1"}}, "status": {"hard": {"pods": "1"}}})[0]
    assert not replicas_ready({"spec": {"replicas": 2}, "status": {"availableReplicas": 1}})[0]
    assert not token_ready({"data": {}})[0]
    claim: Object = {"metadata": {"name": "c"}, "spec": {"storageClassName": "lazy"}, "status": {"phase": "Pending"}}
    assert claim_judge(lambda _: "WaitForFirstConsumer")(claim)[0]
    assert not claim_judge(lambda _: "Immediate")(claim)[0]


def test_the_common_reading_of_a_status() -> None:
    assert kstatus.compute({"metadata": {"generation": 1}}).current
    deleted = kstatus.compute({"metadata": {"deletionTimestamp": "t"}})
    assert (deleted.current, deleted.message) == (False, "Resource scheduled for deletion")
    assert not kstatus.compute({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}).current
    daemons: Object = {"kind": "DaemonSet", "metadata": {"generation": 1}, "status": {"observedGeneration": 1}}
    daemons["status"] |= {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 1}
    assert kstatus.compute(daemons).message == "Updated: 1/2"
