"""OpenBao and HashiCorp Vault, unsealed by a key service. The key is one of moto's account, on this machine."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath

import pytest

from components.secrets.kinds import Kind
from components.secrets.server import KmsPlugin, KmsSeal
from groundwork.errors import UserError
from local.rehearsal.account import EmulatedAccount, emulated, variables
from local.secrets.api import data
from local.secrets.configure import mounts
from local.secrets.life import initialise, rekey, root, seal_of, unseal, wait_active
from local.secrets.shares import Shares
from tests.free_ports import free_ports
from tests.local.secrets.bao import BOTH, PROGRAM, Bao, Kms, openbao, program_of
from tests.local.secrets.earlier import earlier

pytestmark = pytest.mark.engine

REGION = "eu-west-1"
PATH = "secret/data/tenants/acme/key"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedAccount]:
    with (
        emulated("111122223333", REGION, tmp_path_factory.mktemp("account") / "log") as made,
        variables(made.variables),
    ):
        yield made


@pytest.fixture
def kms(account: EmulatedAccount, kind: Kind) -> Kms:
    key = account.account().call("kms", "CreateKey", {})["KeyMetadata"]["KeyId"]
    here = {**account.variables, "AWS_KMS_ENDPOINT": account.variables["AWS_ENDPOINT_URL"]}
    program = earlier() if kind.plugin else program_of(kind)
    return Kms(seal=KmsSeal(key_id=key, region=REGION, plugin=None), variables=here, program=program)


def written(bao: Bao) -> None:
    token = initialise(bao.api, bao.shares)
    assert token is not None
    wait_active(bao.api)
    with root(bao.api, bao.shares, token) as asking:
        mounts(asking)
        asking.write(PATH, {"data": {"value": "kept"}})


def read(bao: Bao) -> object:
    wait_active(bao.api)
    with root(bao.api, bao.shares) as asking:
        return data(data(asking.read(PATH)))["value"]


def test_the_key_unseals_it_whenever_it_starts_and_shares_make_root_alone(tmp_path: Path, kms: Kms, kind: Kind) -> None:
    ports = free_ports(3)
    with openbao(tmp_path, ports, kms, kind) as bao:
        written(bao)
        assert (seal_of(bao.api).auto, seal_of(bao.api).sealed) == (True, False)
    with openbao(tmp_path, ports, kms, kind) as bao:
        assert not unseal(bao.api, bao.shares)
        assert read(bao) == "kept"
        with pytest.raises(UserError, match="shares"):
            read(Bao(api=bao.api, metrics=bao.metrics, folder=bao.folder, shares=one_of(bao.shares)))
        with root(bao.api, bao.shares) as asking:
            rekey(asking, bao.shares, bao.shares)
        assert read(bao) == "kept"


def test_by_its_alias_with_rights_that_the_agent_of_the_node_hands_out(
    tmp_path: Path, account: EmulatedAccount, kms: Kms, kind: Kind
) -> None:
    """As on EKS: no keys of an account in the pod, but a token of its own, which the agent takes."""
    alias = "alias/groundwork-prod-openbao"
    account.account().call("kms", "CreateAlias", {"AliasName": alias, "TargetKeyId": kms.seal.key_id})
    token = tmp_path / "token"
    token.write_text("of-the-service-account")
    with agent() as (address, asked):
        kept = {name: value for name, value in kms.variables.items() if not name.startswith("AWS_") or "_URL" in name}
        given = {
            "AWS_KMS_ENDPOINT": kms.variables["AWS_KMS_ENDPOINT"],
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": address,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        }
        by_alias = replace(kms, seal=replace(kms.seal, key_id=alias), variables=kept | given)
        with openbao(tmp_path, kms=by_alias, kind=kind) as bao:
            written(bao)
            assert not seal_of(bao.api).sealed
    assert set(asked) == {"of-the-service-account"}


@contextmanager
def agent() -> Iterator[tuple[str, list[str]]]:
    """What EKS runs on each node: its address, and the tokens that it was shown."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization", ""))
            ends = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            given = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "s", "Token": "t", "Expiration": ends}
            text = json.dumps(given).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the base class's name
            """Nothing: its callers are in `asked`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/credentials", asked
        server.shutdown()
        thread.join()


def test_while_the_key_service_is_not_there_it_does_not_start(tmp_path: Path, kms: Kms, kind: Kind) -> None:
    ports = free_ports(4)
    away = replace(kms, variables={**kms.variables, "AWS_KMS_ENDPOINT": f"http://127.0.0.1:{ports.pop()}"})
    with openbao(tmp_path, ports, kms, kind) as bao:
        written(bao)
    with (
        pytest.raises(AssertionError, match="error fetching AWS KMS wrapping key"),
        openbao(tmp_path, ports, away, kind),
    ):
        pass
    with openbao(tmp_path, ports, kms, kind) as bao:
        assert read(bao) == "kept"


@pytest.mark.parametrize("kind", BOTH[:1], ids=lambda kind: kind.name, indirect=True)
@pytest.mark.parametrize(
    ("change", "said"), [("", "(?i)unrecognized remote plugin message"), ("echo other\n", "(?i)checksum")]
)
def test_this_version_starts_the_program_of_that_checksum_as_its_plugin_and_no_other(
    tmp_path: Path, kms: Kms, change: str, said: str
) -> None:
    """The vendor's plugin is in no registry that can be reached here: the program is none, and is told apart."""
    program, text = tmp_path / "plugins" / "openbao-plugin-kms-aws", "#!/bin/sh\necho no plugin\n"
    program.parent.mkdir()
    program.write_text(text + change)
    program.chmod(0o755)
    plugin = KmsPlugin(path=PurePosixPath(program), sha256=hashlib.sha256(text.encode()).hexdigest())
    named = replace(kms, program=PROGRAM, seal=replace(kms.seal, plugin=plugin))
    with pytest.raises(AssertionError, match=said), openbao(tmp_path, kms=named):
        pass


def one_of(shares: Shares) -> Shares:
    return Shares(files=shares.files[:1], threshold=shares.threshold)
