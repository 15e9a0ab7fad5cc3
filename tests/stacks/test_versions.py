"""Which versions there are while one bill takes another's place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.agents.manifest import AgentManifest
from groundwork.errors import UserError
from stacks.rollout import Rollout
from stacks.tenant_settings import TenantFolder, TenantSettings
from stacks.versions import serving_tenant, versions
from tests.components.samples import DIGEST, manifest

OTHER = DIGEST.replace("aaaa", "bbbb")
SETTINGS = TenantSettings.model_validate({"name": "acme", "costCentre": "hospitality"})


def folder(*agents: AgentManifest) -> TenantFolder:
    return TenantFolder(settings=SETTINGS, agents=agents)


def rollout(*, replaced: bool = False, image: str = DIGEST) -> Rollout:
    return Rollout(percent=10, checkout="/before", images={"agent-runtime": image}, replaced=replaced)


def seen(found: object) -> list[tuple[str, str, str | None]]:
    assert isinstance(found, list)
    return [(old.manifest.name, old.image, new.image if new else None) for old, new in found]


def test_another_image_is_a_candidate_and_then_replaces_the_agent() -> None:
    before, new = folder(manifest("one")), {"agent-runtime": OTHER}
    assert seen(versions(rollout(), before, before, new)) == [("one", DIGEST, OTHER)]
    assert seen(versions(rollout(replaced=True), before, before, new)) == [("one", OTHER, OTHER)]


def test_another_manifest_is_a_candidate_too() -> None:
    before, after = folder(manifest("one")), folder(manifest("one", instructions="Be brief."))
    ((old, new),) = versions(rollout(), before, after, {"agent-runtime": DIGEST})
    assert new is not None
    assert (old.manifest.spec.instructions, new.manifest.spec.instructions) == ("", "Be brief.")


def test_what_stays_as_it_is_has_no_candidate() -> None:
    both = folder(manifest("one"))
    assert seen(versions(rollout(), both, both, {"agent-runtime": DIGEST})) == [("one", DIGEST, None)]


@given(
    st.sets(st.sampled_from("abcd")),
    st.sets(st.sampled_from("abcd")),
    st.booleans(),
    st.booleans(),
)
def test_no_agent_is_lost_and_no_other_is_replaced(
    before: set[str], after: set[str], same: bool, replaced: bool
) -> None:
    new = {"agent-runtime": DIGEST if same else OTHER}
    found = versions(
        rollout(replaced=replaced), folder(*map(manifest, sorted(before))), folder(*map(manifest, sorted(after))), new
    )
    assert {old.manifest.name for old, _ in found} == before | after
    with_candidates = {old.manifest.name for old, candidate in found if candidate is not None}
    assert with_candidates == (set() if same else before & after)
    for old, candidate in found:
        if old.manifest.name not in after or (candidate is not None and not replaced):
            assert old.image == DIGEST, "it serves as it did"


def test_a_bill_without_the_image_is_refused() -> None:
    both = folder(manifest("one"))
    with pytest.raises(UserError, match="has no image 'agent-runtime'"):
        versions(rollout(), both, both, {"other": OTHER})


def test_a_tenant_that_is_new_has_nobody_to_replace(tmp_path: Path) -> None:
    found = Rollout(percent=0, checkout=str(tmp_path), images={})
    assert serving_tenant(found, "local", "acme") is None
    assert seen(versions(found, None, folder(manifest("one")), {"agent-runtime": OTHER})) == [("one", OTHER, None)]
