"""A plugin's process, as the engine meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.paths import CHECKOUT

SLOW = """
import pathlib, time
time.sleep(0.5)
pathlib.Path(__file__).with_suffix(".done").touch()
"""
SERVING = (
    "import sys; from local.plugin.serving import serve; from local.{}.servicer import Servicer;"
    "serve(Servicer, [], ('slow',))"
)
KUBECONFIG = """
{"current-context": "here", "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
 "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:9"}}], "users": [{"name": "me", "user": {}}]}
"""


@pytest.mark.parametrize(
    ("plugin", "variables"),
    [
        ("kubernetes_plugin", {"kubernetes:config:kubeconfig": KUBECONFIG}),
        ("aws_plugin", {"aws:config:region": "eu-central-1"}),
    ],
)
def test_nothing_is_configured_before_the_modules_are_there(
    plugin: str, variables: dict[str, str], tmp_path: Path
) -> None:
    """Where it was, requests met the package `kubernetes` half imported, and every one failed with KeyError."""
    (tmp_path / "slow.py").write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVING.format(plugin)],
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{tmp_path}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
            request = json_format.ParseDict({"variables": variables}, provider_pb2.ConfigureRequest())
            provider_pb2_grpc.ResourceProviderStub(channel).Configure(request, wait_for_ready=True)
        assert (tmp_path / "slow.done").exists()
    finally:
        process.terminate()
        process.wait()
