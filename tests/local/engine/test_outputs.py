"""What of a state counts as the stack's outputs."""

from __future__ import annotations

from local.engine.outputs import public
from local.plugin.values import ASSET, SECRET, SIGNATURE

HIDDEN = {SIGNATURE: SECRET, "ciphertext": "v1:x"}
OTHER = {"type": "aws:s3/bucket:Bucket", "outputs": {"name": "logs"}}


def of(**outputs: object) -> object:
    return public({"resources": [OTHER, {"type": "pulumi:pulumi:Stack", "outputs": outputs}, OTHER]})


def test_the_stacks_own_are_shown_and_no_resources() -> None:
    shown = {"agents": {"concierge": {"state": "up"}}, "count": 2, "names": ["a"], "of": {SIGNATURE: ASSET}}
    assert of(**shown) == shown


def test_what_is_secret_or_has_a_secret_in_it_is_left_out() -> None:
    assert of(key=HIDDEN, database={"password": HIDDEN}, keys=[{"a": HIDDEN}], shown="x") == {"shown": "x"}


def test_a_state_without_a_stack_has_none() -> None:
    assert (
        public({}) == public({"resources": [OTHER]}) == public({"resources": [{"type": "pulumi:pulumi:Stack"}]}) == {}
    )
