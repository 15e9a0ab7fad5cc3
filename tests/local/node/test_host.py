from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.errors import UserError
from local.node import NodeSettings, check
from local.node.host import network
from local.node.host.objects import condition, path_of
from local.node.host.teardown import StillMountedError, delete, mounts_below
from local.node.preflight import in_use
from local.node.runner import alone

MOUNTINFO = r"""
21 1 254:0 / / rw - ext4 /dev/vda rw
30 21 0:40 / /var/lib/groundwork/kubelet/pods/a/vol rw - tmpfs tmpfs rw
31 30 0:41 / /var/lib/groundwork/kubelet/pods/a/vol/in\040side rw - tmpfs tmpfs rw
32 21 0:42 / /var/lib/groundwork-other rw - tmpfs tmpfs rw
33 21 0:43 / /home rw - tmpfs tmpfs rw
""".lstrip()


def test_only_mounts_below_the_folders_are_undone_and_the_inner_ones_first() -> None:
    inner, outer = "/var/lib/groundwork/kubelet/pods/a/vol/in side", "/var/lib/groundwork/kubelet/pods/a/vol"
    assert mounts_below([Path("/var/lib/groundwork")], MOUNTINFO) == [inner, outer]


def test_a_folder_with_a_mount_in_it_is_never_deleted() -> None:
    with pytest.raises(StillMountedError):
        delete(Path("/proc"))


def test_deleting_is_done_once(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert delete(tmp_path / "a")
    assert not delete(tmp_path / "a")


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        ({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}, "/api/v1/nodes/n"),
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "s"}},
            "/apis/apps/v1/namespaces/s/deployments/d",
        ),
    ],
)
def test_an_objects_path_follows_from_its_kind(manifest: dict[str, object], path: str) -> None:
    assert path_of(manifest) == path


def test_an_object_without_a_name_has_no_path() -> None:
    with pytest.raises(ValueError, match=r"metadata\.name"):
        path_of({"apiVersion": "v1", "kind": "Node", "metadata": {}})


def test_a_condition_is_read_and_a_missing_one_is_none() -> None:
    node = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    assert condition(node, "Ready") == "False"
    assert condition(node, "DiskPressure") is None
    assert condition({}, "Ready") is None


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_in_use_is_told_with_its_holder(taken: int) -> None:
    holder = in_use("127.0.0.1", taken)
    assert holder is not None
    assert f"process {os.getpid()}" in holder


def test_a_free_port_is_free(taken: int) -> None:
    assert in_use("127.0.0.2", taken) is None


def test_a_node_whose_port_is_taken_is_refused_before_anything_is_made(taken: int, tmp_path: Path) -> None:
    settings = NodeSettings.simulated(tmp_path / "node", taken - 1)  # its second port: etcd's
    with pytest.raises(UserError) as caught:
        check(settings)
    assert caught.value.where == f"127.0.0.1:{taken}"
    assert not (tmp_path / "node").exists()


def test_a_node_is_one_process_work_at_a_time(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(UserError, match="another groundwork"), alone(tmp_path, seconds=0.2):
        raise AssertionError("the second got in")
    with alone(tmp_path):
        pass  # the lock went with the first


def test_a_kernel_setting_that_is_high_enough_is_left_and_a_low_one_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in network.WANTED.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    setting = tmp_path / "fs/inotify/max_user_instances"
    setting.parent.mkdir(parents=True)
    monkeypatch.setattr(network, "PROC_SYS", tmp_path)
    setting.write_text("65536\n")
    assert network.ensure_sysctls() == []
    setting.write_text("128\n")
    assert network.ensure_sysctls() == ["fs/inotify/max_user_instances"]
    assert setting.read_text() == "1024"


def fake_ip(folder: Path, still_there: str) -> None:
    """An `ip` whose bridge has the two links a pod's end can be: `stays` cannot be deleted, `gone` went by itself."""
    program = folder / "ip"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f'  "-json link show master br") echo \'[{{"ifname": "{still_there}"}}]\' ;;\n'
        "  \"-json link show gone\") echo 'Device does not exist' >&2; exit 1 ;;\n"
        '  "-json link show "*) echo \'[{"ifname": "any"}]\' ;;\n'
        '  "link delete br") ;;\n'
        '  *) echo "Cannot find device" >&2; exit 1 ;;\n'
        "esac\n"
    )
    program.chmod(0o755)


def test_a_pods_link_that_went_by_itself_does_not_stop_the_bridges_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fake_ip(tmp_path, "gone")
    assert network.remove_bridge("br")
    fake_ip(tmp_path, "stays")
    with pytest.raises(OSError, match="ip link delete stays"):
        network.remove_bridge("br")
