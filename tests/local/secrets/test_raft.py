"""Three nodes of OpenBao, then of HashiCorp Vault, with raft and TLS, and the project's playbooks, in order."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography import x509
from pydantic import JsonValue

from components.secrets.kinds import OPENBAO, Kind
from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local.paths import CHECKOUT
from local.secrets.api import Api, Refused, data
from local.secrets.life import leads, root, seal_of
from local.secrets.nodes import numbers
from local.secrets.tls import Keeper
from tests.local.secrets import bao
from tests.local.secrets.earlier import VERSION as EARLIER
from tests.local.secrets.earlier import earlier
from tests.local.secrets.raft import NODES, Here, begin

pytestmark = pytest.mark.engine
SECONDS = 60.0
PATH, SECRET = "secret/data/tenants/acme/key", "canary-51e7c9"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> Iterator[Here]:
    """Initialised, unsealed and set up by the playbook."""
    # Of HashiCorp Vault no other version can be built here.
    program = earlier() if kind.name == OPENBAO.name else bao.program_of(kind)
    made = begin(tmp_path_factory.mktemp("raft"), kind, program)
    try:
        assert _play(made, "init") == 1
        with made.reach.any() as api, root(api, made.shares) as asking:
            asking.write(PATH, {"data": {"value": SECRET}})
        yield made
    finally:
        for pod in NODES:
            made.reach.kill(pod)


def test_init_joins_all_three_and_a_second_run_changes_nothing(here: Here) -> None:
    assert _play(here, "init") == 0
    assert _sealed(here) == [False, False, False]
    assert _voters(here, all_=True) == [*NODES]
    texts = {file.read_text() for file in here.shares.files}
    assert len(texts) == len({file.parent for file in here.shares.files}) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in here.shares.files} == {0o600}


def test_a_renewed_certificate_is_served_without_a_restart(here: Here) -> None:
    pod = NODES[1]
    folder = here.paths.data / pod
    before, process = _serial(here, pod), (folder / "pid").read_text()
    bao.certificates(folder, Keeper(folder=here.folder))
    renewed = x509.load_pem_x509_certificate((folder / "tls" / "tls.crt").read_bytes()).serial_number
    assert before != renewed
    assert wait_until(lambda: _serial(here, pod) == renewed, SECONDS)
    assert (folder / "pid").read_text() == process
    assert _sealed(here) == [False, False, False]


def test_without_its_leader_another_leads_and_reads_go_on(here: Here) -> None:
    # A node that has joined has a vote when it was there for ten seconds.
    assert wait_until(lambda: _voters(here) == [*NODES], SECONDS)
    first = _leader(here)
    here.reach.kill(first)
    assert wait_until(lambda: _leader(here) not in {"", first}, SECONDS)
    assert _read(here) == SECRET
    here.reach.start(first)
    assert _play(here, "unseal") == 1
    assert _play(here, "unseal") == 0


def test_below_the_threshold_nothing_is_unsealed(here: Here) -> None:
    for pod in NODES:
        here.reach.kill(pod)
        here.reach.start(pod)
    one: list[JsonValue] = [str(here.shares.files[0]), *(f"/nowhere/{number}" for number in range(2))]
    assert "1 of the 2 shares that unseal are there" in _refused(here, "unseal", shares=one)
    assert _sealed(here) == [True, True, True]
    assert _play(here, "unseal") == 1
    assert _read(here) == SECRET


def test_an_upgrade_replaces_standbys_first_and_one_after_the_other(here: Here) -> None:
    leader, before = _leader(here), _versions(here)
    _want(here, "next")
    assert _play(here, "upgrade") == 1
    order = (here.paths.data / "replaced").read_text().split()
    assert sorted(order) == [*NODES]
    assert order[-1] == leader
    assert max(before) < min(_versions(here)) or here.settings.kind.name != OPENBAO.name
    assert _sealed(here) == [False, False, False]
    assert _read(here) == SECRET
    assert _play(here, "upgrade") == 0


def test_without_a_majority_nothing_is_replaced(here: Here) -> None:
    order = (here.paths.data / "replaced").read_text()
    gone = [pod for pod in NODES if pod != _leader(here)]
    for pod in gone:
        here.reach.kill(pod)
    wanted = here.paths.data / "wanted"
    before = wanted.read_text()
    _want(here, "after")
    assert f"1 of 3 nodes of {here.settings.kind.called} serve: no majority" in _refused(here, "upgrade")
    assert (here.paths.data / "replaced").read_text() == order
    for pod in gone:
        here.reach.start(pod)
    wanted.write_text(before)
    assert _play(here, "unseal") == 1


@pytest.mark.parametrize("kind", bao.BOTH[:1], ids=lambda kind: kind.name, indirect=True)
def test_an_earlier_version_is_refused_before_it_touches_a_node_s_data(here: Here) -> None:
    now, program = ".".join(map(str, max(_versions(here)))), earlier()
    leader, wanted = _leader(here), (here.paths.data / "wanted").read_text()
    (here.paths.data / "wanted").write_text(str(program))
    for book in ("upgrade", "upgrade", "unseal"):
        assert f"is of version {EARLIER}, the others are or were of {now}" in _refused(here, book)
    assert _sealed(here).count(True) == 1
    assert _leader(here) == leader
    assert _read(here) == SECRET
    (here.paths.data / "wanted").write_text(wanted)
    assert _play(here, "upgrade") == 1
    assert _sealed(here) == [False, False, False]


def test_a_root_token_that_was_kept_ends(here: Here) -> None:
    with here.reach.any() as api:
        with root(api, here.shares) as asking:
            made = asking.write("auth/token/create-orphan", {"policies": ["root"]})["auth"]
        kept = api.as_(str(made["client_token"] if isinstance(made, dict) else ""))
        assert kept.read("auth/token/lookup-self")
        assert _play(here, "revoke_root") == 1
        with pytest.raises(Refused) as refused:
            kept.read("auth/token/lookup-self")
        assert refused.value.status == 403
    assert _play(here, "revoke_root") == 0


def test_after_a_rekey_and_a_wipe_of_all_three_a_snapshot_brings_every_secret_back(here: Here) -> None:
    old, file = [each.read_text() for each in here.shares.files], here.paths.data / "snapshot"
    for _ in range(2):
        assert _play(here, "rekey") == 1
    assert not set(old) & {each.read_text() for each in here.shares.files}
    assert [_play(here, "snapshot", snapshot_file=str(file)) for _ in range(2)] == [1, 0]
    for pod in NODES:
        here.reach.kill(pod)
        for part in ("raft", "audit"):
            shutil.rmtree(here.paths.data / pod / part)
    for pod in NODES:
        here.reach.start(pod)
    for _ in range(2):
        assert _play(here, "restore", snapshot_file=str(file)) == 1
        assert _sealed(here) == [False, False, False]
        assert _read(here) == SECRET


def test_no_share_and_no_secret_stands_in_what_the_nodes_wrote(here: Here) -> None:
    hidden = [SECRET, *(each.read_text().strip() for each in here.shares.files)]
    for pod in NODES:
        folder = here.paths.data / pod
        # HashiCorp Vault's begins to write when it leads.
        written = [folder / "output", *(folder / "audit").iterdir()]
        text = "".join(file.read_text() for file in written)
        assert PATH in text or pod != _leader(here)
        assert [len(word) for word in hidden if word in text] == []


def _play(here: Here, book: str, **given: JsonValue) -> int:
    """Carry out a playbook; gives how many of its tasks changed something. It prints no share."""
    done = _run(here, book, given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(share in done.stdout + done.stderr for share in here.shares.present())
    changed = re.search(r"changed=(\d+)", done.stdout)
    assert changed is not None, done.stdout
    return int(changed[1])


def _refused(here: Here, book: str, **given: JsonValue) -> str:
    """What a playbook says that must not succeed."""
    done = _run(here, book, given)
    assert done.returncode != 0, done.stdout
    assert not any(share in done.stdout + done.stderr for share in here.shares.present())
    return done.stdout + done.stderr


def _run(here: Here, book: str, given: Mapping[str, JsonValue]) -> subprocess.CompletedProcess[str]:
    values = json.dumps({"groundwork": str(here.paths.data / "groundwork"), **given})
    program, books = Path(sys.executable).parent / "ansible-playbook", CHECKOUT / "playbooks"
    environment = {**os.environ, "ANSIBLE_CONFIG": str(books / "ansible.cfg"), "LC_ALL": "C.UTF-8"}
    command: list[str | Path] = [program, "-i", "localhost,", "-e", values, books / "vault" / f"{book}.yml"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _want(here: Here, name: str) -> None:
    """The same program under another name: another version cannot be had in every place where this is run."""
    program = here.paths.data / name
    program.symlink_to(bao.program_of(here.settings.kind))
    (here.paths.data / "wanted").write_text(str(program))


def _leader(here: Here) -> str:
    for pod in NODES:
        try:
            with here.reach.node(pod) as api:
                if leads(api):
                    return pod
        except UserError:
            continue
    return ""


def _voters(here: Here, *, all_: bool = False) -> list[str]:
    """The nodes that the raft counts, or all that it knows."""
    with here.reach.any() as api:
        found = data(here.reach.operator(api).read("sys/storage/raft/configuration"))["config"]
    servers = found["servers"] if isinstance(found, dict) else None
    assert isinstance(servers, list)
    return sorted(str(each["node_id"]) for each in servers if isinstance(each, dict) and (all_ or each["voter"]))


def _versions(here: Here) -> list[tuple[int, ...]]:
    found = []
    for pod in NODES:
        with here.reach.node(pod) as api:
            found.append(numbers(seal_of(api).version))
    return found


def _sealed(here: Here) -> list[bool]:
    found = []
    for pod in NODES:
        with here.reach.node(pod) as api:
            found.append(seal_of(api).sealed)
    return found


def _read(here: Here) -> object:
    with here.reach.any() as api, root(api, here.shares) as asking:
        return data(data(asking.read(PATH)))["value"]


def _serial(here: Here, pod: str) -> int:
    with here.reach.node(pod) as api:
        host, port = _address(api)
    pem = ssl.get_server_certificate((host, port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def _address(api: Api) -> tuple[str, int]:
    host, _, port = api.address.removeprefix("https://").rpartition(":")
    return host, int(port)
