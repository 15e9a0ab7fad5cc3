from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.kubernetes_plugin.servicer import Servicer
from local.plugin.values import SECRET, SIGNATURE, Object, decode, encode

NOWHERE = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: k, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
users: [{name: u, user: {token: t}}]
"""


def _urn(kind: str, name: str = "x") -> str:
    return f"urn:pulumi:s::p::kubernetes:{kind}::{name}"


@pytest.fixture
def stub() -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    server = grpc.server(ThreadPoolExecutor(4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(None), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None)


def _configure(stub: provider_pb2_grpc.ResourceProviderStub, **arguments: str) -> None:
    variables = {f"kubernetes:config:{key}": value for key, value in {"kubeconfig": NOWHERE, **arguments}.items()}
    assert stub.Configure(provider_pb2.ConfigureRequest(variables=variables)).acceptSecrets


def _check(stub: provider_pb2_grpc.ResourceProviderStub, kind: str, inputs: Object) -> Object:
    request = provider_pb2.CheckRequest(urn=_urn(kind), news=encode(inputs), olds=encode({}))
    return decode(stub.Check(request).inputs)


CONFIG_MAP: Object = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}


def test_inputs_get_a_name_and_a_namespace_without_a_cluster(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    _configure(stub, namespace="team")
    metadata = _check(stub, "core/v1:ConfigMap", CONFIG_MAP)["metadata"]
    assert metadata["namespace"] == "team"
    assert metadata["name"].startswith("x-")


@pytest.mark.parametrize("manager", ["pulumi", "Helm"])
def test_who_manages_an_object_stays_as_it_was(stub: provider_pb2_grpc.ResourceProviderStub, manager: str) -> None:
    """A chart's own value, taken over at the second `up`, would be a change that nobody asked for."""
    _configure(stub)
    chart: Object = {**CONFIG_MAP, "metadata": {"name": "a", "labels": {"app.kubernetes.io/managed-by": manager}}}
    request = provider_pb2.CheckRequest(urn=_urn("core/v1:ConfigMap"), news=encode(chart), olds=encode(chart))
    assert decode(stub.Check(request).inputs)["metadata"]["labels"] == {"app.kubernetes.io/managed-by": manager}


def test_data_of_a_secret_leaves_check_marked(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    _configure(stub)
    secret: Object = {"apiVersion": "v1", "kind": "Secret", "stringData": {"p": "canary"}}
    request = provider_pb2.CheckRequest(urn=_urn("core/v1:Secret"), news=encode(secret))
    data = stub.Check(request).inputs.fields["data"].struct_value
    assert data.fields[SIGNATURE].string_value == SECRET
    assert data.fields["value"].struct_value.fields["p"].string_value == "Y2FuYXJ5"


@pytest.mark.parametrize(
    ("kind", "inputs", "reason"),
    [
        ("helm.sh/v3:Release", {"chart": "x"}, "helm.sh/v4:Chart"),
        ("core/v1:ConfigMapList", {"kind": "ConfigMapList"}, "list resources"),
        ("core/v1:ConfigMapPatch", {"kind": "ConfigMap"}, "metadata.name"),
        ("core/v1:ConfigMap", {**CONFIG_MAP, "metadata": {"generateName": "a-"}}, "generateName"),
    ],
)
def test_inputs_that_cannot_be_used_are_refused(
    kind: str, inputs: Object, reason: str, stub: provider_pb2_grpc.ResourceProviderStub
) -> None:
    _configure(stub)
    with pytest.raises(grpc.RpcError, match=reason):
        _check(stub, kind, {"apiVersion": "v1", **inputs})


def test_a_cluster_out_of_reach_fails_writes_and_not_previews(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    _configure(stub)
    request = provider_pb2.CreateRequest(urn=_urn("core/v1:ConfigMap"), properties=encode(CONFIG_MAP), preview=True)
    assert decode(stub.Create(request).properties) == CONFIG_MAP
    request.preview = False
    with pytest.raises(grpc.RpcError, match="unreachable"):
        stub.Create(request)


def test_what_is_in_an_unreachable_cluster_can_be_dropped_from_the_state(
    stub: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    read = provider_pb2.ReadRequest(urn=_urn("core/v1:ConfigMap"), id="n/x", properties=encode(CONFIG_MAP))
    delete = provider_pb2.DeleteRequest(urn=read.urn, id=read.id, properties=read.properties)
    _configure(stub)
    for call in (lambda: stub.Read(read), lambda: stub.Delete(delete)):
        with pytest.raises(grpc.RpcError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
            call()
    _configure(stub, deleteUnreachable="true")
    assert stub.Read(read).id == ""
    assert stub.Delete(delete) == empty_pb2.Empty()


def test_updates_of_an_unreachable_cluster_can_be_skipped(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    _configure(stub, skipUpdateUnreachable="true")
    request = provider_pb2.CheckRequest(urn=_urn("core/v1:ConfigMap"), news=encode({}), olds=encode(CONFIG_MAP))
    assert decode(stub.Check(request).inputs) == CONFIG_MAP
    read = provider_pb2.ReadRequest(urn=request.urn, id="n/x", properties=encode(CONFIG_MAP), inputs=encode(CONFIG_MAP))
    assert decode(stub.Read(read).properties) == CONFIG_MAP


def _state(inputs: Object) -> Object:
    return {**inputs, "__inputs": inputs, "__fieldManager": "pulumi-kubernetes-1", "__initialApiVersion": "v1"}


def test_a_diff_names_the_property_and_deletes_first_where_the_name_stays(
    stub: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    _configure(stub)
    named: Object = {**CONFIG_MAP, "metadata": {"name": "fixed", "namespace": "n"}}
    changed = {**named, "data": {"a": "2"}}
    request = provider_pb2.DiffRequest(urn=_urn("core/v1:ConfigMap"), olds=encode(_state(named)), news=encode(changed))
    found = stub.Diff(request)
    assert list(found.replaces) == ["data.a"]
    assert found.deleteBeforeReplace
    assert found.detailedDiff["data.a"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    request.ignoreChanges.append("data")
    assert stub.Diff(request).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_without_a_configuration_nothing_is_done(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    with pytest.raises(grpc.RpcError, match="not been configured"):
        _check(stub, "core/v1:ConfigMap", CONFIG_MAP)


def test_rendered_manifests_stand_in_for_a_cluster(
    stub: provider_pb2_grpc.ResourceProviderStub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rendered")
    _configure(stub, renderYamlToDirectory=str(folder))
    inputs = {**CONFIG_MAP, "metadata": {"name": "a", "namespace": "n"}}
    made = stub.Create(provider_pb2.CreateRequest(urn=_urn("core/v1:ConfigMap"), properties=encode(inputs)))
    file = folder / "1-manifest" / "v1-configmap-n-a.yaml"
    assert made.id == "n/a"
    assert file.read_text().startswith("apiVersion: v1")
    assert file.stat().st_mode & 0o077 == 0
    stub.Delete(provider_pb2.DeleteRequest(urn=_urn("core/v1:ConfigMap"), id="n/a", properties=made.properties))
    assert not file.exists()
