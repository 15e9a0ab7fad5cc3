"""The program of the documented scenarios. Environment as for the recorded ones: SCN, STEP, KUBECONFIG."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

SCENARIO = os.environ["SCN"]
STEP = int(os.environ["STEP"])
KUBECONFIG = Path(os.environ["KUBECONFIG"]).read_text("utf-8")
IMAGE = "localhost/agent:1"
REC = {"namespace": "rec"}
NOWHERE = {"nodeSelector": {"nowhere": "true"}}  # no node has it: such pods stay pending
POD = {"containers": [{"name": "c", "image": IMAGE, "imagePullPolicy": "Never"}]}
SKIP = {"pulumi.com/skipAwait": "true"}


def provider(**settings: bool | str) -> pulumi.ResourceOptions:
    """Options with a provider of these settings."""
    return pulumi.ResourceOptions(provider=k8s.Provider("kube", kubeconfig=KUBECONFIG, **settings))


def waiting(seconds: int) -> pulumi.ResourceOptions:
    """Options with a provider, and so long for a creation or an update."""
    limit = f"{seconds}s"
    limits = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=limit, update=limit))
    return pulumi.ResourceOptions.merge(provider(), limits)


def mutable() -> None:
    opts = provider(enable_config_map_mutable=True)
    k8s.core.v1.ConfigMap("m", metadata={**REC, "name": "m"}, data={"a": str(STEP)}, opts=opts)


def force() -> None:
    annotations = {"owner": f"pulumi-{STEP}", "pulumi.com/patchForce": "true"}
    k8s.core.v1.ServiceAccount("f", metadata={**REC, "name": "f", "annotations": annotations}, opts=provider())


def pending(annotations: dict[str, str]) -> None:
    labels = {"app": "pending"}
    k8s.apps.v1.Deployment(
        "d",
        metadata={**REC, "annotations": annotations},
        spec={
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {**POD, **NOWHERE}},
        },
        opts=waiting(6),
    )


def ignore_changes() -> None:
    opts = pulumi.ResourceOptions.merge(provider(), pulumi.ResourceOptions(ignore_changes=["data"]))
    k8s.core.v1.ConfigMap("i", metadata=REC, data={"a": str(STEP)}, opts=opts)


def replace_on_changes() -> None:
    opts = pulumi.ResourceOptions.merge(
        provider(), pulumi.ResourceOptions(replace_on_changes=["metadata.annotations.a"])
    )
    k8s.core.v1.ServiceAccount("r", metadata={**REC, "annotations": {"a": str(STEP)}}, opts=opts)


def delete_before_replace() -> None:
    opts = pulumi.ResourceOptions.merge(provider(), pulumi.ResourceOptions(delete_before_replace=True))
    k8s.core.v1.ConfigMap("b", metadata=REC, data={"a": str(STEP)}, opts=opts)


def gone() -> None:
    k8s.core.v1.ConfigMap("g", metadata={**REC, "name": "g"}, data={"a": "1"}, opts=provider())


def default_namespace() -> None:
    k8s.core.v1.ConfigMap("n", data={"a": "1"}, opts=provider(namespace="rec"))


def role_ref() -> None:
    k8s.rbac.v1.RoleBinding(
        "b",
        metadata=REC,
        role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ["view", "edit"][STEP]},
        subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "rec"}],
        opts=provider(),
    )


def service_name() -> None:
    labels = {"app": "s"}
    k8s.apps.v1.StatefulSet(
        "s",
        metadata={**REC, "annotations": SKIP},
        spec={
            "serviceName": f"s{STEP}",
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": POD},
        },
        opts=provider(),
    )


def job(annotations: dict[str, str], pod: dict[str, object], seconds: int) -> None:
    template = {"spec": {"restartPolicy": "Never", **pod}}
    k8s.batch.v1.Job(
        "j",
        metadata={**REC, "annotations": annotations},
        spec={"backoffLimit": 0, "template": template},
        opts=waiting(seconds),
    )


def job_template() -> None:
    job(SKIP, {**POD, **NOWHERE, "terminationGracePeriodSeconds": 10 + STEP}, 10)


def failing() -> dict[str, object]:
    command = ["python3", "-c", "import sys; print('boom: no ledger'); sys.exit(4)"]
    return {"containers": [{"name": "c", "image": IMAGE, "imagePullPolicy": "Never", "command": command}]}


def release() -> None:
    if STEP == 0:
        k8s.core.v1.ConfigMapPatch("p", metadata={**REC, "name": "p"}, data={"added": "1"}, opts=provider())


def get() -> None:
    found = k8s.core.v1.ConfigMap.get("x", "rec/pre", opts=provider())
    pulumi.export("data", found.data)


def custom_resource() -> None:
    spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    opts = provider()
    crd = k8s.apiextensions.v1.CustomResourceDefinition(
        "things",
        metadata={"name": "things.rec.example.com", "labels": {"step": str(min(STEP, 1))}},
        spec={
            "group": "rec.example.com",
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
                }
            ],
        },
        opts=opts,
    )
    k8s.apiextensions.CustomResource(
        "t",
        api_version="rec.example.com/v1",
        kind="Thing",
        metadata=REC,
        spec={"n": STEP, "nested": {"list": [{"a": STEP}]}},
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[crd])),
    )


def ingress() -> None:
    backend = {"service": {"name": "nobody", "port": {"number": 80}}}
    rule = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    k8s.networking.v1.Ingress("i", metadata=REC, spec={"rules": [rule]}, opts=waiting(6))


def no_selector() -> None:
    k8s.core.v1.Service("s", metadata=REC, spec={"ports": [{"port": 80}]}, opts=waiting(8))


def secret() -> None:
    opts = provider()
    value = pulumi.Output.secret("canary-5520")
    k8s.core.v1.Secret("s", metadata=REC, string_data={"password": "canary-5519"}, opts=opts)
    k8s.core.v1.ConfigMap("c", metadata=REC, data={"token": value}, opts=opts)


def config_file() -> None:
    opts = pulumi.ResourceOptions(providers=[k8s.Provider("kube", kubeconfig=KUBECONFIG)])
    k8s.yaml.v2.ConfigFile("f", file="objects/objects.yaml", opts=opts)


def daemon_set() -> None:
    labels = {"app": "ds"}
    k8s.apps.v1.DaemonSet(
        "ds",
        metadata=REC,
        spec={"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": POD}},
        opts=waiting(60),
    )


def pod() -> None:
    k8s.core.v1.Pod("p", metadata=REC, spec=POD, opts=waiting(60))


def unready() -> None:
    labels = {"app": "u"}
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    spec = {"containers": [{"name": "c", "image": IMAGE, "imagePullPolicy": "Never", "readinessProbe": probe}]}
    k8s.apps.v1.Deployment(
        "u",
        metadata=REC,
        spec={"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
        opts=waiting(12),
    )


SCENARIOS: dict[str, Callable[[], None]] = {
    "mutable": mutable,
    "force": force,
    "skip-await": lambda: pending(SKIP),
    "await": lambda: pending({}),
    "ignore-changes": ignore_changes,
    "replace-on-changes": replace_on_changes,
    "delete-before-replace": delete_before_replace,
    "gone": gone,
    "default-namespace": default_namespace,
    "role-ref": role_ref,
    "service-name": service_name,
    "job-template": job_template,
    "replace-unready": lambda: job({"pulumi.com/replaceUnready": "true"}, {**POD, **NOWHERE}, 5),
    "job-failure": lambda: job({}, failing(), 60),
    "release": release,
    "get": get,
    "custom-resource": custom_resource,
    "ingress": ingress,
    "no-selector": no_selector,
    "secret": secret,
    "config-file": config_file,
    "daemon-set": daemon_set,
    "pod": pod,
    "unready": unready,
}
SCENARIOS[SCENARIO]()
