from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc

import local.kubernetes_plugin
from groundwork.waiting import wait_until

LAUNCHER = Path(local.kubernetes_plugin.__file__).parent / "bin" / "pulumi-resource-kubernetes"


def _alive(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z")
    except FileNotFoundError:
        return False


def _environment() -> dict[str, str]:
    return {**os.environ, "GROUNDWORK_PYTHON": sys.executable}


def test_the_launcher_serves_from_any_folder_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with subprocess.Popen([LAUNCHER], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=_environment()) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            info = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty(), timeout=20)
        assert info.version.startswith("4.")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_plugin_ends_with_the_engine_that_started_it() -> None:
    engine = 'import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print("pid", p.pid, flush=True); p.wait()'
    command = [sys.executable, "-c", engine, str(LAUNCHER), "127.0.0.1:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) as started:
        assert started.stdout is not None
        words = [started.stdout.readline() for _ in range(2)]
        pid = next(int(line.split()[1]) for line in words if line.startswith("pid"))
        assert _alive(pid)
        started.kill()
    assert wait_until(lambda: not _alive(pid), 20)
