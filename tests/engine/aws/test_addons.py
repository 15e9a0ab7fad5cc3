"""An add-on of EKS is given roles and tells names of associations: the account makes them, the plugin reads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.aws_plugin.account import Account, CallError
from local.aws_plugin.changing import Changer
from local.aws_plugin.handlers import resource_of
from local.aws_plugin.same import seen
from local.plugin.values import Object
from local.rehearsal.account import emulated, variables
from tests.engine.aws.bench import ACCOUNT, REGION

pytestmark = pytest.mark.engine

URN = "urn:pulumi:dev::groundwork::aws:eks/addon:Addon::cni"
ROLE, OTHER = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("cni", "other"))
CNI = {"clusterName": "one", "addonName": "vpc-cni"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with emulated(ACCOUNT, REGION, tmp_path_factory.mktemp("account") / "log") as made, variables(made.variables):
        found = made.account()
        subnets = [row["SubnetId"] for row in found.call("ec2", "DescribeSubnets", {})["Subnets"]]
        asked: Object = {"name": "one", "roleArn": ROLE, "resourcesVpcConfig": {"subnetIds": subnets[:2]}}
        found.call("eks", "CreateCluster", asked)
        yield found


def given(role: str) -> Object:
    return {**CNI, "podIdentityAssociations": [{"serviceAccount": "aws-node", "roleArn": role}]}


def associations(account: Account) -> list[Object]:
    rows: list[Object] = account.call("eks", "ListPodIdentityAssociations", {"clusterName": "one"})["associations"]
    return rows


def test_a_roles_association_lives_as_long_as_its_addon(account: Account) -> None:
    addon = resource_of(URN, account)
    identifier, state = addon.create(given(ROLE))
    made = associations(account)
    assert [(row["namespace"], row["serviceAccount"]) for row in made] == [("kube-system", "aws-node")]
    told = account.call("eks", "DescribeAddon", CNI)["addon"]["podIdentityAssociations"]
    assert told == [made[0]["associationArn"]]
    assert seen(given(ROLE), addon.live(identifier, given(ROLE)) or {}) == given(ROLE)

    Changer(addon).update(identifier, state, given(ROLE), given(OTHER))
    assert seen(given(OTHER), addon.live(identifier, given(OTHER)) or {}) == given(OTHER)
    assert len(associations(account)) == 1

    addon.delete(identifier, given(OTHER))
    assert associations(account) == []


def test_an_association_that_was_taken_away_is_drift(account: Account) -> None:
    addon = resource_of(URN, account)
    identifier, _ = addon.create(given(ROLE))
    gone = {"clusterName": "one", "associationId": associations(account)[0]["associationId"]}
    account.call("eks", "DeletePodIdentityAssociation", gone)
    assert seen(given(ROLE), addon.live(identifier, given(ROLE)) or {}) != given(ROLE)
    addon.delete(identifier, given(ROLE))


def test_a_service_account_has_one_role(account: Account) -> None:
    addon = resource_of(URN, account)
    identifier, _ = addon.create(given(ROLE))
    with pytest.raises(CallError, match="already exists"):
        account.call("eks", "CreateAddon", given(OTHER))
    other: Object = {**given(OTHER), "addonName": "another"}
    with pytest.raises(CallError, match="Association already exists"):
        account.call("eks", "CreateAddon", other)
    addon.delete(identifier, given(ROLE))
