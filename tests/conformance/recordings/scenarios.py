"""The program of the recorded scenarios. Environment: SCN the scenario, STEP its step, KUBECONFIG the cluster.

It declares what the program declared that the recordings were made with.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

SCENARIO = os.environ["SCN"]
STEP = int(os.environ["STEP"])
NAMESPACE = "rec"
IMAGE = "localhost/agent:1"
PROVIDER = k8s.Provider("kube", kubeconfig=Path(os.environ["KUBECONFIG"]).read_text("utf-8"))


def options(
    *,
    create: str | None = None,
    depends_on: list[pulumi.Resource] | None = None,
    import_: str | None = None,
) -> pulumi.ResourceOptions:
    """The provider, and what a scenario needs besides. `create`: how long a creation may take, such as "15s"."""
    timeouts = pulumi.CustomTimeouts(create=create) if create else None
    return pulumi.ResourceOptions(
        provider=PROVIDER, custom_timeouts=timeouts, depends_on=depends_on or [], import_=import_
    )


def named(name: str, **annotations: str) -> dict[str, object]:
    """Metadata with a fixed name."""
    return {"namespace": NAMESPACE, "name": name, **({"annotations": annotations} if annotations else {})}


def container(image: str = IMAGE, command: list[str] | None = None) -> dict[str, object]:
    """One container whose image is never pulled."""
    return {
        "name": "c",
        "image": image,
        "imagePullPolicy": "Never",
        **({"command": command} if command else {}),
    }


def deployment(
    name: str,
    *,
    pod: dict[str, object] | None = None,
    app: str | None = None,
    replicas: int = 1,
    opts: pulumi.ResourceOptions | None = None,
) -> k8s.apps.v1.Deployment:
    """A Deployment with a generated name that selects its pods by the label `app`. `pod`: its only container."""
    labels = {"app": app or name}
    return k8s.apps.v1.Deployment(
        name,
        metadata={"namespace": NAMESPACE},
        spec={
            "selector": {"matchLabels": labels},
            "replicas": replicas,
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [pod or container()]}},
        },
        opts=opts or options(),
    )


def autoname() -> None:
    namespace = k8s.core.v1.Namespace("auto", opts=options())
    k8s.core.v1.ConfigMap("cm", metadata={"namespace": namespace.metadata.name}, data={"a": "1"}, opts=options())
    k8s.core.v1.ConfigMap("named", metadata=named("fixed"), data={"a": "1"}, opts=options())


def configmap_change() -> None:
    k8s.core.v1.ConfigMap("cm", metadata={"namespace": NAMESPACE}, data={"a": str(STEP)}, opts=options())
    k8s.core.v1.ConfigMap("fixed", metadata=named("fixed2"), data={"a": str(STEP)}, opts=options())


def deployment_life() -> None:
    deployment("web", replicas=[1, 2, 2][STEP], app=["web", "web", "web2"][STEP])


def bad_image() -> None:
    deployment("bad", pod=container("localhost/none:1"), opts=options(create="15s"))


def crash_loop() -> None:
    command = ["python3", "-c", "import sys;print('boom: no database');sys.exit(3)"]
    deployment("crash", pod=container(command=command), opts=options(create="25s"))


def service() -> None:
    served = deployment("srv")
    k8s.core.v1.Service(
        "srv",
        metadata={"namespace": NAMESPACE},
        spec={"selector": {"app": "srv"}, "ports": [{"port": 80, "targetPort": 8080}]},
        opts=options(depends_on=[served]),
    )
    k8s.core.v1.Service(
        "ext",
        metadata={"namespace": NAMESPACE},
        spec={"type": "ExternalName", "externalName": "example.com"},
        opts=options(),
    )


def service_no_endpoints() -> None:
    k8s.core.v1.Service(
        "lonely",
        metadata={"namespace": NAMESPACE},
        spec={"selector": {"app": "nobody"}, "ports": [{"port": 80}]},
        opts=options(create="12s"),
    )


def drift() -> None:
    k8s.core.v1.ConfigMap("cm", metadata=named("drift"), data={"a": "1", "b": "2"}, opts=options())


def import_() -> None:
    opts = options(import_="rec/pre") if STEP == 0 else options()
    k8s.core.v1.ConfigMap("cm", metadata=named("pre"), data={"x": "y"}, opts=opts)


def patch() -> None:
    k8s.core.v1.ConfigMapPatch("p", metadata=named("patched"), data={"added": "by-patch"}, opts=options())


def conflict() -> None:
    k8s.core.v1.ServiceAccount("sa", metadata=named("contested", owner=["pulumi", "pulumi-2"][STEP]), opts=options())


def exists() -> None:
    k8s.core.v1.ConfigMap("cm", metadata=named("already"), data={"a": "pulumi"}, opts=options())


def secret() -> None:
    k8s.core.v1.Secret("s", metadata={"namespace": NAMESPACE}, string_data={"password": "canary-7731"}, opts=options())
    k8s.core.v1.Secret("d", metadata={"namespace": NAMESPACE}, data={"k": "Y2FuYXJ5"}, opts=options())


def crd_missing() -> None:
    k8s.apiextensions.CustomResource(
        "w",
        api_version="none.example.com/v1",
        kind="Nope",
        metadata={"namespace": NAMESPACE},
        spec={"a": 1},
        opts=options(),
    )


def crd_and_cr() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    crd = k8s.apiextensions.v1.CustomResourceDefinition(
        "gadgets",
        metadata={"name": "gadgets.rec.example.com"},
        spec={
            "group": "rec.example.com",
            "scope": "Namespaced",
            "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}},
                }
            ],
        },
        opts=options(),
    )
    k8s.apiextensions.CustomResource(
        "g",
        api_version="rec.example.com/v1",
        kind="Gadget",
        metadata={"namespace": NAMESPACE},
        spec={"n": 1},
        opts=options(depends_on=[crd]),
    )


def invalid() -> None:
    k8s.core.v1.Service("bad", metadata={"namespace": NAMESPACE}, spec={"ports": [{"port": 99999}]}, opts=options())


def missing_namespace() -> None:
    k8s.core.v1.ConfigMap("u", metadata={"namespace": "nowhere"}, data={"a": "1"}, opts=options())


def job() -> None:
    pod = {"restartPolicy": "Never", "containers": [container(command=["true"])]}
    k8s.batch.v1.Job(
        "ok",
        metadata={"namespace": NAMESPACE},
        spec={"backoffLimit": 0, "template": {"spec": pod}},
        opts=options(),
    )


def statefulset() -> None:
    labels = {"app": "db"}
    k8s.apps.v1.StatefulSet(
        "db",
        metadata={"namespace": NAMESPACE},
        spec={
            "serviceName": "db",
            "replicas": 2 if STEP else 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container()]}},
        },
        opts=options(),
    )


def wait_for() -> None:
    annotations = {"pulumi.com/waitFor": "jsonpath={.data.ready}=yes", "pulumi.com/timeoutSeconds": "8"}
    k8s.core.v1.ConfigMap(
        "w", metadata={"namespace": NAMESPACE, "annotations": annotations}, data={"ready": "no"}, opts=options()
    )


def config_group() -> None:
    text = """
apiVersion: v1
kind: ConfigMap
metadata: {name: g1, namespace: rec}
data: {a: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: g2, namespace: rec}
data: {a: "2"}
"""
    k8s.yaml.v2.ConfigGroup("grp", yaml=text, opts=pulumi.ResourceOptions(providers=[PROVIDER]))


def chart() -> None:
    k8s.helm.v4.Chart(
        "tiny",
        chart="./chart",
        namespace=NAMESPACE,
        values={"replicas": 3 + STEP},
        opts=pulumi.ResourceOptions(providers=[PROVIDER]),
    )


SCENARIOS: dict[str, Callable[[], None]] = {
    "autoname": autoname,
    "configmap-change": configmap_change,
    "deployment-life": deployment_life,
    "bad-image": bad_image,
    "crash-loop": crash_loop,
    "service": service,
    "service-no-endpoints": service_no_endpoints,
    "drift": drift,
    "import": import_,
    "patch": patch,
    "conflict": conflict,
    "exists": exists,
    "secret": secret,
    "crd-missing": crd_missing,
    "crd-and-cr": crd_and_cr,
    "invalid": invalid,
    "missing-namespace": missing_namespace,
    "job": job,
    "statefulset": statefulset,
    "wait-for": wait_for,
    "config-group": config_group,
    "chart": chart,
}
SCENARIOS[SCENARIO]()
