"""The programs this project runs: where each comes from, how it is built, and which versions of it fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local.toolchain.versions import Fit, Version

PINS = Path(__file__).resolve().parent / "pins"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One folder of `pins`: a Go module and how its programs are built.

    `module` names the requirement of the folder's go.mod that holds the version. `ldflags` may use {version} (with its
    v), {major} and {minor}. `together`: its programs serve from PATH all or none, as they speak to each other.
    `sources_mb`, `cache_mb`: what a cold build adds to Go's module cache and build cache, in MiB, measured. `files`:
    what is kept beside the programs, by its path there: files or folders of the module. `patches`: files of the module,
    by their path in it, in whose place stand files beside go.mod; the module is then built from a copy, with the
    requirements of its own go.mod and go.sum, or (`listed`) with those of the pin's: its own name folders that are not
    published with it.
    """

    name: str
    module: str
    ldflags: str = ""
    tags: str = ""
    together: bool = False
    sources_mb: int
    cache_mb: int
    files: tuple[tuple[str, str], ...] = ()
    patches: tuple[tuple[str, str], ...] = ()
    listed: bool = False

    @property
    def folder(self) -> Path:
        """Where its go.mod and go.sum are."""
        return PINS / self.name


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program: its pin, its main package, how it tells its version, which versions on PATH fit.

    `at_least` is the oldest version that fits, where the fit alone would allow more. `seconds`: a cold build on two
    cores, after the programs of its pin that stand before it in the table; `size_mb`: the program itself, in MiB.
    """

    name: str
    pin: Pin
    package: str
    ask: tuple[str, ...] = ("--version",)
    fit: Fit
    at_least: Version | None = None
    seconds: int
    size_mb: int


_KUBE = "k8s.io/component-base/version"
_ETCD = Pin(name="etcd", module="go.etcd.io/etcd/server/v3", sources_mb=268, cache_mb=301)
_KUBERNETES = Pin(
    name="kubernetes",
    module="k8s.io/kubernetes",
    ldflags=f"-X {_KUBE}.gitVersion={{version}} -X {_KUBE}.gitMajor={{major}} -X {_KUBE}.gitMinor={{minor}}",
    sources_mb=567,
    cache_mb=3096,
)
_CONTAINERD = Pin(
    name="containerd",
    module="github.com/containerd/containerd/v2",
    ldflags="-X github.com/containerd/containerd/v2/version.Version={version}",
    tags="no_btrfs,no_devmapper,no_zfs",
    together=True,
    sources_mb=500,
    cache_mb=563,
)
_METRICS = Pin(
    name="metrics-server",
    module="sigs.k8s.io/metrics-server",
    ldflags="-X k8s.io/client-go/pkg/version.gitVersion={version}",
    sources_mb=350,
    cache_mb=1347,
)
_COREDNS = Pin(name="coredns", module="github.com/coredns/coredns", sources_mb=1551, cache_mb=996)
# A certificate authority that speaks ACME, for tests only.
_PEBBLE = Pin(
    name="pebble",
    module="github.com/letsencrypt/pebble/v2",
    ldflags="-X main.version={version}",
    sources_mb=27,
    cache_mb=112,
)
_KWOK = Pin(name="kwok", module="sigs.k8s.io/kwok", sources_mb=306, cache_mb=773)
_HELM = Pin(
    name="helm",
    module="helm.sh/helm/v4",
    ldflags="-X helm.sh/helm/v4/internal/version.version={version}",
    sources_mb=520,
    cache_mb=1168,
)
_PULUMI = Pin(
    name="pulumi",
    module="github.com/pulumi/pulumi/pkg/v3",
    ldflags="-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={version}",
    sources_mb=1312,
    cache_mb=1592,
)

_OPA = Pin(name="opa", module="github.com/open-policy-agent/opa", sources_mb=565, cache_mb=495)
# Gatekeeper's templates asked about objects: by gator with no cluster, by its manager in one.
_GATEKEEPER = Pin(
    name="gatekeeper",
    module="github.com/open-policy-agent/gatekeeper/v3",
    files=(("charts/gatekeeper", "charts/gatekeeper"),),
    ldflags="-X github.com/open-policy-agent/gatekeeper/v3/pkg/version.Version={version}",
    sources_mb=467,
    cache_mb=1388,
)
_SYFT = Pin(
    name="syft", module="github.com/anchore/syft", ldflags="-X main.version={version}", sources_mb=2317, cache_mb=989
)
_COSIGN = Pin(
    name="cosign",
    module="github.com/sigstore/cosign/v3",
    ldflags="-X sigs.k8s.io/release-utils/version.gitVersion={version}",
    sources_mb=1962,
    cache_mb=1259,
)
_RATELIMIT = Pin(name="ratelimit", module="github.com/envoyproxy/ratelimit", sources_mb=177, cache_mb=268)
# What sees the platform: the builder made the main package that stands beside its go.mod (docs/toolchain.md).
_COLLECTOR = Pin(name="collector", module="go.opentelemetry.io/collector/otelcol", sources_mb=503, cache_mb=856)
# Beside agents on ECS: the last version whose exporters for AWS are all served by the module proxy (decision 26).
_ECS_COLLECTOR = Pin(
    name="ecs-collector",
    module="go.opentelemetry.io/collector/otelcol",
    tags="remove_all_sd",
    sources_mb=1064,
    cache_mb=1367,
)
_LOKI = Pin(
    name="loki",
    module="github.com/grafana/loki/v3",
    ldflags="-X github.com/prometheus/common/version.Version={version}",
    sources_mb=2305,
    cache_mb=2075,
)
# Of the many ways to find targets, only the one that is used is compiled. Debian's Prometheus lacks just that one.
_PROMETHEUS = Pin(
    name="prometheus",
    module="github.com/prometheus/prometheus",
    ldflags="-X github.com/prometheus/common/version.Version={version}",
    tags="remove_all_sd,enable_kubernetes_sd",
    sources_mb=1000,
    cache_mb=1190,
)
_JAEGER = Pin(
    name="jaeger",
    module="github.com/jaegertracing/jaeger",
    ldflags="-X github.com/jaegertracing/jaeger/internal/version.latestVersion={version}",
    sources_mb=544,
    cache_mb=996,
)
_CRDS = "external-secrets.io"
_ESO_CHART = "charts/external-secrets"
# The last version whose module is whole: since 1.0 its parts are modules that the module proxy does not serve.
# The chart has no CRD file in it; those that this project uses are put where helm looks for them.
_EXTERNAL_SECRETS = Pin(
    name="external-secrets",
    module="github.com/external-secrets/external-secrets",
    files=(
        (_ESO_CHART, f"deploy/{_ESO_CHART}"),
        *(
            (f"{_ESO_CHART}/crds/{name}.yaml", f"config/crds/bases/{name}.yaml")
            for name in (
                f"{_CRDS}_externalsecrets",
                f"{_CRDS}_secretstores",
                f"generators.{_CRDS}_generatorstates",
                f"generators.{_CRDS}_vaultdynamicsecrets",
            )
        ),
    ),
    patches=(
        ("pkg/provider/register/register.go", "providers.go"),
        ("pkg/generator/register/register.go", "generators.go"),
        (f"deploy/{_ESO_CHART}/Chart.yaml", "Chart.yaml"),
    ),
    sources_mb=500,
    cache_mb=900,
)
# HashiCorp's smallest build, and the two parts beside it that this project uses. Its licence: docs/secrets.md.
_VAULT = Pin(
    name="hashicorp-vault",
    module="github.com/hashicorp/vault",
    files=(("LICENSE", "LICENSE"),),
    tags="minimal",
    patches=(("helper/builtinplugins/registry_min.go", "plugins.go"),),
    listed=True,
    sources_mb=2870,
    cache_mb=2290,
)
_CHARTS = "manifests/charts"
_ISTIO = Pin(
    name="istio",
    module="istio.io/istio",
    files=(
        ("charts/base", f"{_CHARTS}/base"),
        ("charts/gateway", f"{_CHARTS}/gateway"),
        ("charts/istiod", f"{_CHARTS}/istio-control/istio-discovery"),
        ("envoy_bootstrap.json", "tools/packaging/common/envoy_bootstrap.json"),
    ),
    sources_mb=406,
    cache_mb=1408,
)


def _kube(name: str, seconds: int, size_mb: int) -> Program:
    package = f"{_KUBERNETES.module}/cmd/{name}"
    return Program(name=name, pin=_KUBERNETES, package=package, fit=Fit.SAME_MINOR, seconds=seconds, size_mb=size_mb)


def _containerd(name: str, ask: str, seconds: int, size_mb: int) -> Program:
    package = f"{_CONTAINERD.module}/cmd/{name}"
    return Program(
        name=name, pin=_CONTAINERD, package=package, ask=(ask,), fit=Fit.SAME_MAJOR, seconds=seconds, size_mb=size_mb
    )


def _istio(name: str, package: str, seconds: int, size_mb: int) -> Program:
    return Program(
        name=name,
        pin=_ISTIO,
        package=f"{_ISTIO.module}/{package}",
        ask=("version",),
        fit=Fit.SAME_MINOR,
        seconds=seconds,
        size_mb=size_mb,
    )


_ALL = (
    Program(name="etcd", pin=_ETCD, package=_ETCD.module, fit=Fit.SAME_MINOR, seconds=34, size_mb=26),
    _kube("kube-apiserver", 147, 101),
    _kube("kube-controller-manager", 41, 92),
    _kube("kube-scheduler", 3, 70),
    _kube("kubelet", 12, 81),
    _kube("kube-proxy", 5, 68),
    Program(
        name="kubectl",
        pin=_KUBERNETES,
        package=f"{_KUBERNETES.module}/cmd/kubectl",
        ask=("version", "--client"),
        fit=Fit.MINOR_SKEW,
        seconds=15,
        size_mb=57,
    ),
    _containerd("containerd", "--version", 41, 42),
    _containerd("containerd-shim-runc-v2", "-v", 1, 14),
    _containerd("ctr", "--version", 2, 22),
    Program(
        name="metrics-server",
        pin=_METRICS,
        package=f"{_METRICS.module}/cmd/metrics-server",
        fit=Fit.SAME_MINOR,
        seconds=87,
        size_mb=68,
    ),
    Program(
        name="coredns",
        pin=_COREDNS,
        package=_COREDNS.module,
        ask=("-version",),
        fit=Fit.SAME_MAJOR,
        at_least=Version(1, 11),
        seconds=86,
        size_mb=76,
    ),
    Program(
        name="pebble",
        pin=_PEBBLE,
        package=f"{_PEBBLE.module}/cmd/pebble",
        ask=("-version",),
        fit=Fit.SAME_MAJOR,
        seconds=81,
        size_mb=8,
    ),
    Program(name="kwok", pin=_KWOK, package=f"{_KWOK.module}/cmd/kwok", fit=Fit.SAME_MINOR, seconds=66, size_mb=61),
    Program(
        name="pulumi",
        pin=_PULUMI,
        package=f"{_PULUMI.module}/cmd/pulumi",
        ask=("version",),
        fit=Fit.SAME_MAJOR,
        at_least=Version(3, 200),
        seconds=142,
        size_mb=110,
    ),
    Program(
        name="helm",
        pin=_HELM,
        package=f"{_HELM.module}/cmd/helm",
        ask=("version", "--short"),
        fit=Fit.SAME_MAJOR,
        seconds=73,
        size_mb=64,
    ),
    _istio("istio-cni", "cni/cmd/istio-cni", 89, 82),
    _istio("pilot-discovery", "pilot/cmd/pilot-discovery", 75, 125),
    _istio("pilot-agent", "pilot/cmd/pilot-agent", 4, 31),
    Program(name="opa", pin=_OPA, package=_OPA.module, ask=("version",), fit=Fit.SAME_MAJOR, seconds=32, size_mb=41),
    Program(
        name="gator",
        pin=_GATEKEEPER,
        package=f"{_GATEKEEPER.module}/cmd/gator",
        ask=("--version",),
        fit=Fit.SAME_MINOR,
        seconds=110,
        size_mb=64,
    ),
    Program(
        name="gatekeeper-manager",
        pin=_GATEKEEPER,
        package=_GATEKEEPER.module,
        ask=("--help",),
        fit=Fit.SAME_MINOR,
        seconds=100,
        size_mb=80,
    ),
    Program(
        name="external-secrets",
        pin=_EXTERNAL_SECRETS,
        package=_EXTERNAL_SECRETS.module,
        ask=("--help",),
        fit=Fit.SAME_MINOR,
        seconds=122,
        size_mb=62,
    ),
    Program(
        name="ratelimit",
        pin=_RATELIMIT,
        package=f"{_RATELIMIT.module}/src/service_cmd",
        fit=Fit.SAME_MAJOR,
        seconds=14,
        size_mb=23,
    ),
    Program(
        name="syft",
        pin=_SYFT,
        package=f"{_SYFT.module}/cmd/syft",
        ask=("version",),
        fit=Fit.SAME_MAJOR,
        seconds=117,
        size_mb=84,
    ),
    Program(
        name="cosign",
        pin=_COSIGN,
        package=f"{_COSIGN.module}/cmd/cosign",
        ask=("version",),
        fit=Fit.SAME_MAJOR,
        seconds=75,
        size_mb=97,
    ),
    Program(name="otelcol", pin=_COLLECTOR, package=".", fit=Fit.SAME_MINOR, seconds=200, size_mb=46),
    Program(name="otelcol-ecs", pin=_ECS_COLLECTOR, package=".", fit=Fit.SAME_MINOR, seconds=415, size_mb=85),
    Program(name="loki", pin=_LOKI, package=f"{_LOKI.module}/cmd/loki", fit=Fit.SAME_MINOR, seconds=282, size_mb=150),
    Program(
        name="prometheus",
        pin=_PROMETHEUS,
        package=f"{_PROMETHEUS.module}/cmd/prometheus",
        fit=Fit.SAME_MINOR,
        seconds=162,
        size_mb=72,
    ),
    Program(
        name="jaeger",
        pin=_JAEGER,
        package=f"{_JAEGER.module}/cmd/all-in-one",
        ask=("version",),
        fit=Fit.SAME_MINOR,
        seconds=203,
        size_mb=50,
    ),
    Program(name="vault", pin=_VAULT, package=_VAULT.module, fit=Fit.SAME_MINOR, seconds=240, size_mb=133),
)

PROGRAMS = {program.name: program for program in _ALL}

_CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_CONTAINERS = ("containerd", "containerd-shim-runc-v2", "ctr")
LOCAL_NODE = (*_CONTROL_PLANE, "kubelet", "kube-proxy", *_CONTAINERS, "coredns", "metrics-server", "istio-cni")
SIMULATED = (*_CONTROL_PLANE, "kwok")
ENGINE = ("pulumi", "helm")
# What images carry, beside programs that the node runs itself.
IMAGES = ("pilot-discovery", "pilot-agent", "opa", "ratelimit", "external-secrets", "gatekeeper-manager")
# Charts come with their modules, beside whatever is built from these. Istio's: this takes the least time.
CHARTS = ("pilot-agent", "external-secrets")
# What lists and signs images in registries.
MIRROR = ("syft", "cosign")
# What the engine tier runs as processes of its own.
TESTS = ("coredns", "gator", "opa", "otelcol-ecs", "pebble")
# What holds the secrets where settings say so, in OpenBao's place.
VAULT = ("vault",)
