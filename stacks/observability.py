"""The layer `observability`: the stack `<env>.observability`.  (docs/observability.md)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.documents import DocumentError
from components.problems import as_user_error
from groundwork.errors import UserError
from stacks.environment import Environment
from stacks.layers import IMAGES

if TYPE_CHECKING:
    import pulumi

    from components.observability.observability import ObservabilityArgs
    from components.observability.scraping import Config
    from stacks.observability_settings import StoreSettings

# Where kubelets keep the logs of pods, if they are told nothing else.
LOG_FOLDER = "/var/log/pods"
LAYER = "observability"


def declare(environment: Environment, opts: pulumi.ResourceOptions) -> None:
    """Declare the layer, and say which of its parts this environment does not have."""
    import pulumi

    from components.observability.observability import Observability

    Observability("observability", arguments(environment), opts)
    pulumi.export("not here", missing(environment))


def missing(environment: Environment) -> dict[str, str]:
    """What is declared only where its image is given, with the reason and what stands in for it."""
    settings = environment.settings.observability
    stands_in = {
        "grafana": (settings.grafana, "groundwork status and its report show the same figures"),
        "tempo": (settings.tempo, "Jaeger keeps the traces"),
    }
    return {
        name: f"not run: groundwork:observability names no image {name}; {instead}"
        for name, (image, instead) in stands_in.items()
        if image is None
    }


def arguments(environment: Environment) -> ObservabilityArgs:
    """The component's arguments, from the environment's settings. Raises UserError."""
    from components.observability.dashboards import grafana
    from components.observability.observability import Images, Kept, ObservabilityArgs

    settings = environment.settings.observability

    def kept(store: StoreSettings) -> Kept:
        return Kept(retention=store.retention, size=store.storage)

    images = {name: image(environment, name) for name in IMAGES[LAYER]}
    return ObservabilityArgs(
        environment=environment.name,
        images=Images(**images, grafana=settings.grafana, tempo=settings.tempo),
        metrics=kept(settings.metrics),
        logs=kept(settings.logs),
        traces=kept(settings.traces),
        own_node=environment.own_node,
        log_folder=_own_logs() if environment.own_node else LOG_FOLDER,
        interval=settings.scrape_interval,
        head=settings.sampling.head,
        keep=settings.sampling.keep,
        slow=settings.sampling.slow,
        storage_class=settings.storage_class,
        replicas=settings.replicas,
        webhook=settings.webhook,
        remote_write=settings.remote_write,
        rules=rules(environment),
        dashboards=grafana.files() if settings.grafana is not None else {},
    )


def rules(environment: Environment) -> dict[str, Config]:
    """Alerts, what tenants are promised, and what they use: rule files by name. Raises UserError."""
    from components.observability import alerts, cost
    from loadtests import rules as promised
    from loadtests import slo

    try:
        promises = slo.load()
    except DocumentError as error:
        raise as_user_error(error) from None
    return {**alerts.files(), **promised.files(promises), **cost.files(environment.settings.observability.prices)}


def image(environment: Environment, name: str) -> str:
    """An image of this project, by digest. Raises UserError."""
    if name not in environment.images:
        raise UserError(
            what=f"there is no image {name!r}",
            allowed=", ".join(sorted(environment.images)) or "none is built yet",
            fix=f"groundwork images build {name}",
        )
    return environment.images[name]


def _own_logs() -> str:
    from local.node import NodeSettings
    from local.paths import Paths

    return str(NodeSettings.real(Paths.for_user()).logs / "pods")
