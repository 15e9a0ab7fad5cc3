"""A configured provider: its settings, and the cluster if it answers. Decides what happens where it does not."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from local.kubernetes_plugin.cluster import Cluster
from local.kubernetes_plugin.errors import ApiError, UnreachableError
from local.kubernetes_plugin.kubeconfig import connect
from local.kubernetes_plugin.provider import Operation, Provider, Reading
from local.kubernetes_plugin.rendering import Renderer
from local.kubernetes_plugin.settings import Settings
from local.plugin.errors import PluginError
from local.plugin.host import INFO, WARNING, Engine, ResourceLog
from local.plugin.values import Object

_REMOVE = (
    "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


@dataclass(frozen=True)
class Session:
    """See the module. `provider` is None, and `reason` says why, where there is no cluster to talk to."""

    settings: Settings
    engine: Engine
    provider: Provider | None
    reason: str
    default_namespace: str
    renderer: Renderer | None = None

    @classmethod
    def open(cls, settings: Settings, engine: Engine, cancelled: threading.Event) -> Session:
        """Connect. A cluster that cannot be reached is no error yet: what needs none must still work."""
        renderer = Renderer(settings.render_directory) if settings.render_directory else None
        fallback = settings.namespace or "default"
        try:
            connection = connect(settings.kubeconfig, settings.overrides)
            cluster = Cluster(connection, settings.timeout)
            cluster.version()
        except (ApiError, UnreachableError) as error:
            reason = f"unable to load schema information from the API server: {error}"
            return cls(settings, engine, None, reason, fallback, renderer)
        except PluginError as error:
            source = (
                "failed to parse kubeconfig data in `kubernetes:config:kubeconfig`"
                if settings.kubeconfig
                else ("unable to load Kubernetes client configuration from kubeconfig file")
            )
            return cls(settings, engine, None, f"{source}: {error}", fallback, renderer)
        provider = Provider(cluster, settings, engine, cancelled)
        return cls(settings, engine, provider, "", connection.namespace, renderer)

    @property
    def unreachable(self) -> PluginError:
        """The error where an operation needs the cluster."""
        return PluginError(f"configured Kubernetes cluster is unreachable: {self.reason}")

    def create(self, operation: Operation, properties: Object) -> tuple[str, Object]:
        """See `Provider.create`."""
        log = ResourceLog(self.engine, operation.urn)
        if self.renderer is not None:
            return self.renderer.create(operation, properties, log)
        if self.provider is None:
            if operation.preview:
                return "", properties
            raise self.unreachable
        return self.provider.create(operation, properties)

    def update(self, operation: Operation, old: Object, new: Object) -> Object:
        """See `Provider.update`."""
        if self.renderer is not None:
            return self.renderer.update(operation, old, new, ResourceLog(self.engine, operation.urn))
        if self.provider is None:
            if operation.preview:
                return new
            raise self.unreachable
        return self.provider.update(operation, old, new)

    def read(self, urn: str, identifier: str, properties: Object, inputs: Object) -> Reading:
        """See `Provider.read`."""
        if self.renderer is not None:
            return Reading(properties, inputs)
        if self.provider is not None:
            return self.provider.read(urn, identifier, properties, inputs)
        log = ResourceLog(self.engine, urn)
        log.keep(WARNING, str(self.unreachable))
        if self.settings.delete_unreachable:
            log.keep(INFO, f"{self.unreachable} and `deleteUnreachable` is set: it is removed from the state")
            return Reading(gone=True)
        if self.settings.skip_update_unreachable:
            log.keep(INFO, f"{self.unreachable} and `skipUpdateUnreachable` is set: the state may be out of date")
            return Reading(properties, inputs)
        raise PluginError(f"failed to read resource state due to unreachable cluster. {_REMOVE}")

    def delete(self, operation: Operation, identifier: str, properties: Object) -> None:
        """See `Provider.delete`."""
        log = ResourceLog(self.engine, operation.urn)
        if self.renderer is not None:
            self.renderer.delete(properties, log)
        elif self.provider is not None:
            self.provider.delete(operation, identifier, properties)
        else:
            log.keep(WARNING, str(self.unreachable))
            if not self.settings.delete_unreachable:
                raise PluginError(f"configured Kubernetes cluster is unreachable. {_REMOVE}")
            log.keep(INFO, f"{self.unreachable} and `deleteUnreachable` is set: it is removed from the state")
