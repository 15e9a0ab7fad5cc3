"""The rules that only admission has: what is made of them. What they say: `tests/engine/test_policies.py`."""

from __future__ import annotations

import pytest

from groundwork.errors import UserError
from policies.admission import own, templates
from policies.pack.rules import by_id
from policies.rule import at

DIGEST = "sha256:" + "a" * 64


def test_they_are_no_rules_of_the_pack_and_each_has_its_rego() -> None:
    assert {rule.id for rule in own.OWN} & set(by_id()) == set()
    assert {file.stem for file in (templates.FOLDER / "own").glob("*.rego")} == {rule.id for rule in own.OWN}


def test_the_constraint_lists_the_digests_of_the_bill_and_spares_only_named_namespaces() -> None:
    images = ["localhost/groundwork/a@" + DIGEST, "elsewhere/a@" + DIGEST, "sha256:" + "b" * 64]
    _, bill, _, entry = own.manifests(images)
    assert at(bill, "spec", "parameters") == {"digests": [DIGEST, "sha256:" + "b" * 64]}
    for each in (bill, entry):
        assert at(each, "spec", "enforcementAction") == "deny"
        assert at(each, "spec", "match", "excludedNamespaces") == ["kube-system", "gatekeeper-system"]
    assert at(entry, "spec", "match", "namespaceSelector", "matchExpressions", 0, "key") == "groundwork/tenant"


@pytest.mark.parametrize("image", ["redis:7", "redis", "redis@sha256:abc", ""])
def test_what_is_not_by_digest_is_in_no_bill(image: str) -> None:
    with pytest.raises(UserError, match="by digest"):
        list(own.manifests([image]))
