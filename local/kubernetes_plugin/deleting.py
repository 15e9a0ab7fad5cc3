"""Ending an object, and waiting until it is gone."""

from __future__ import annotations

from collections.abc import Sequence

from local.kubernetes_plugin.awaiting import kstatus
from local.kubernetes_plugin.awaiting.base import Context, wait
from local.kubernetes_plugin.cluster import Cluster, Resource
from local.kubernetes_plugin.errors import ApiError, NoMatchError, NotReadyError
from local.kubernetes_plugin.informers import Event
from local.kubernetes_plugin.objects import GVK, SKIP_AWAIT, is_true, meta, pluck, qualified_name
from local.kubernetes_plugin.writing import Writer
from local.plugin.errors import PluginError
from local.plugin.host import INFO, WARNING, Log
from local.plugin.values import Object

# Kinds for which `skipAwait` also means not to wait for their end.
_MAY_SKIP = frozenset({"Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job"})


class GoneAwaiter:
    """Ready when the object with this UID is not there any more."""

    def __init__(self, obj: Object, resource: Resource, log: Log, cluster: Cluster) -> None:
        self.obj = obj
        self._resource = resource
        self._log = log
        self._cluster = cluster
        self._uid = meta(obj).get("uid")
        self._gone = False
        self._looked = False

    @property
    def follows(self) -> Sequence[Resource]:
        """See `Awaiter`."""
        return (self._resource,)

    def observe(self, event: Event) -> None:
        """See `Awaiter`."""
        if pluck(event.obj, "metadata", "uid") != self._uid:
            return
        self._gone = event.type == "DELETED"
        if not self._gone:
            self.obj = event.obj
            status = kstatus.compute(event.obj)
            if not status.current:
                self._log.status(INFO, status.message)

    def look(self) -> None:
        """Ask the API server itself, in case the event came before anyone listened."""
        self._looked = True
        live = self._cluster.find(self.obj)
        self._gone = live is None or meta(live).get("uid") != self._uid

    def ready(self) -> bool:
        """See `Awaiter`."""
        if not self._looked:
            self.look()
        return self._gone

    def failed(self) -> bool:
        """See `Awaiter`."""
        return False

    def report(self) -> None:
        """See `Awaiter`."""
        self.look()

    def problems(self) -> list[str]:
        """See `Awaiter`."""
        finalizers = meta(self.obj).get("finalizers") or []
        return [f"finalizers might be preventing deletion ({', '.join(finalizers)})"] if finalizers else []


def delete(context: Context, writer: Writer, inputs: Object, obj: Object) -> None:
    """End the object, or give back the fields of a patch. What is not there counts as ended.

    Raises `NotReadyError` if the object is still there when time is up.
    """
    try:
        live = context.cluster.find(obj)
        if live is None:
            return
        if writer.patch:
            _give_back(writer, obj)
            return
        writer.delete(inputs, live)
        gone = GoneAwaiter(live, context.cluster.resource(GVK.of(live)), context.log, context.cluster)
    except (ApiError, NoMatchError) as error:
        if isinstance(error, ApiError) and error.code != 404:
            raise
        return
    if is_true(inputs, SKIP_AWAIT) and GVK.of(live).kind in _MAY_SKIP:
        return
    try:
        wait(context, gone)
    except NotReadyError as error:
        gone.look()
        if gone.ready():
            return
        for problem in gone.problems():
            context.log.keep(WARNING, problem)
        if context.cancelled.is_set():
            raise
        still = "; ".join([f"{live.get('kind')} {qualified_name(live)} still exists", *gone.problems()])
        text = f"timed out waiting for the condition: {still}"
        raise NotReadyError(text, error.obj, error.problems) from None


def _give_back(writer: Writer, obj: Object) -> None:
    try:
        writer.relinquish(obj, writer.manager)
    except ApiError as error:
        if error.code == 422 and "Required value" in error.message:
            causes = error.details.get("causes") or [{}]
            raise PluginError(
                "this Patch resource is currently managing a required field, so it can't be deleted directly. Either "
                "set the `retainOnDelete` resource option, or transfer ownership of the field before deleting: "
                f"{causes[0].get('field', error.message)}"
            ) from error
        raise
