"""What an account has of the agents of an environment on ECS."""

from __future__ import annotations

from collections.abc import Iterable

from local.aws_plugin.account import Account


def missing(account: Account, agents: Iterable[str]) -> list[str]:
    """The agents (`tenant/agent`) whose service asks for no task, in words; moto starts none. Raises `PluginError`."""
    asked: dict[str, int] = {}
    for cluster in account.call("ecs", "ListClusters", {})["clusterArns"]:
        for arn in account.call("ecs", "ListServices", {"cluster": cluster})["serviceArns"]:
            row = account.call("ecs", "DescribeServices", {"cluster": cluster, "services": [arn]})["services"][0]
            asked[str(row["serviceName"])] = int(row["desiredCount"])
    return [f"agent has no service: {agent}" for agent in agents if not asked.get(agent.replace("/", "-"))]
