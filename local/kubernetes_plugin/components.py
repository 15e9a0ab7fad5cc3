"""Components: a chart, a file or a group of manifests, whose objects are resources of their own in the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from local.kubernetes_plugin import helm, manifests
from local.kubernetes_plugin.objects import GVK, SKIP_AWAIT, annotation, with_annotation
from local.kubernetes_plugin.session import Session
from local.plugin.errors import PluginError
from local.plugin.host import WARNING
from local.plugin.values import RESOURCE_REFERENCE, SIGNATURE, Object, Secret, decode, encode, has_unknown, plain

_KEEP: Final = "helm.sh/resource-policy"
_CHART: Final = "kubernetes:helm.sh/v4:Chart"
_GROUP: Final = "kubernetes:yaml/v2:ConfigGroup"
_FILE: Final = "kubernetes:yaml/v2:ConfigFile"
_KUSTOMIZE: Final = "kubernetes:kustomize/v2:Directory"


@dataclass(frozen=True)
class Component:
    """One component to construct. `folder`: where relative paths start; `version`: of the SDK, for its children."""

    request: provider_pb2.ConstructRequest
    session: Session
    folder: Path
    version: str

    def construct(self) -> provider_pb2.ConstructResponse:
        """Register the component and everything in it. Raises `PluginError`."""
        source = _SOURCES.get(self.request.type)
        if source is None:
            raise PluginError(f'unknown resource type "{self.request.type}"')
        if self.session.provider is None and self.session.renderer is None:
            raise self.session.unreachable
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(self.request.monitorEndpoint, options=options) as channel:
            monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
            urn = self._register_self(monitor)
            arguments = decode(self.request.inputs)
            if has_unknown(arguments):
                text = "Input properties have unknown values. Preview is incomplete."
                self.session.engine.log(WARNING, urn, text)
                return provider_pb2.ConstructResponse(urn=urn)
            items = self._arrange(source(self, arguments), arguments)
            references = self._register_items(monitor, urn, items)
        return provider_pb2.ConstructResponse(urn=urn, state=encode({"resources": references}))

    def _arrange(self, objects: Sequence[Object], arguments: Object) -> list[manifests.Item]:
        namespace = str(plain(arguments.get("namespace")) or self.session.default_namespace)
        whole = manifests.normalize(objects, namespace, self._namespaced)
        if plain(arguments.get("skipAwait")):
            whole = [with_annotation(obj, SKIP_AWAIT, "true") for obj in whole]
        prefix = plain(arguments.get("resourcePrefix"))
        return manifests.arrange(whole, self.request.name if prefix is None else str(prefix))

    def _namespaced(self, gvk: GVK) -> bool:
        provider = self.session.provider
        return provider.cluster.namespaced(gvk) if provider else not gvk.kind.startswith("Cluster")

    # ---- registration

    def _register_self(self, monitor: resource_pb2_grpc.ResourceMonitorStub) -> str:
        asked = self.request
        registration = resource_pb2.RegisterResourceRequest(
            type=asked.type,
            name=asked.name,
            parent=asked.parent,
            custom=False,
            object=encode({}),
            protect=asked.protect,
            dependencies=asked.dependencies,
            providers=asked.providers,
            aliases=asked.aliases,
            ignoreChanges=asked.ignoreChanges,
            retainOnDelete=asked.retainOnDelete,
            deletedWith=asked.deletedWith,
            acceptSecrets=True,
            acceptResources=True,
        )
        return str(_call(monitor.RegisterResource, registration).urn)

    def _register_items(
        self, monitor: resource_pb2_grpc.ResourceMonitorStub, parent: str, items: Sequence[manifests.Item]
    ) -> list[Object]:
        """Register all at once, each after those that it depends on; gives back references to them."""
        if not items:
            return []
        futures: list[Future[resource_pb2.RegisterResourceResponse]] = []
        with ThreadPoolExecutor(max_workers=len(items)) as pool:
            for item in items:
                before = [futures[index] for index in item.after]
                futures.append(pool.submit(self._register, monitor, parent, item, before))
        return [self._reference(future.result()) for future in futures]

    def _register(
        self,
        monitor: resource_pb2_grpc.ResourceMonitorStub,
        parent: str,
        item: manifests.Item,
        before: Sequence[Future[resource_pb2.RegisterResourceResponse]],
    ) -> resource_pb2.RegisterResourceResponse:
        obj, gvk = _with_secrets(item.obj), GVK.of(item.obj)
        provider = self.request.providers.get("kubernetes", "")
        registration = resource_pb2.RegisterResourceRequest(
            type=f"kubernetes:{gvk.group or 'core'}/{gvk.version}:{gvk.kind}",
            name=item.name,
            parent=parent,
            custom=True,
            object=encode(obj),
            dependencies=[future.result().urn for future in before],
            provider=provider,
            version="" if provider else self.version,
            retainOnDelete=annotation(item.obj, _KEEP) == "keep",
            acceptSecrets=True,
            acceptResources=True,
            supportsPartialValues=True,
        )
        return _call(monitor.RegisterResource, registration)

    def _reference(self, done: resource_pb2.RegisterResourceResponse) -> Object:
        known = {SIGNATURE: RESOURCE_REFERENCE, "urn": done.urn, "packageVersion": self.version}
        return {**known, "id": done.id}


def _call(
    method: Callable[[resource_pb2.RegisterResourceRequest], resource_pb2.RegisterResourceResponse],
    request: resource_pb2.RegisterResourceRequest,
) -> resource_pb2.RegisterResourceResponse:
    try:
        return method(request)
    except grpc.RpcError as error:
        raise PluginError(f"registering {request.type} {request.name}: {error.details()}") from None


def _with_secrets(obj: Object) -> Object:
    if obj.get("kind") != "Secret" or GVK.of(obj).group:
        return obj
    return {**obj, **{key: Secret(obj[key]) for key in ("data", "stringData") if key in obj}}


# ---- where the objects come from


def _chart(component: Component, arguments: Object) -> list[Object]:
    session = component.session
    target = helm.Target(
        session.settings.kubeconfig, session.settings.context, component.folder, session.provider is not None
    )
    namespace = str(plain(arguments.get("namespace")) or session.default_namespace)
    release = str(plain(arguments.get("name")) or component.request.name)
    return manifests.decode_yaml(helm.render(release, namespace, arguments, target))


def _group(component: Component, arguments: Object) -> list[Object]:
    texts = list(manifests.read_files(plain(arguments.get("files") or []), component.folder, expand_globs=True))
    texts.append(str(plain(arguments.get("yaml")) or ""))
    objects = [obj for text in texts for obj in manifests.decode_yaml(text)]
    return objects + [obj.value if isinstance(obj, Secret) else obj for obj in arguments.get("objs") or []]


def _file(component: Component, arguments: Object) -> list[Object]:
    texts = manifests.read_files([str(plain(arguments.get("file")))], component.folder, expand_globs=False)
    return [obj for text in texts for obj in manifests.decode_yaml(text)]


def _kustomization(component: Component, arguments: Object) -> list[Object]:
    return manifests.decode_yaml(helm.kustomize(str(plain(arguments.get("directory"))), component.folder))


_SOURCES: Final[dict[str, Callable[[Component, Object], list[Object]]]] = {
    _CHART: _chart,
    _GROUP: _group,
    _FILE: _file,
    _KUSTOMIZE: _kustomization,
}
