"""A shift that may be killed at any moment: nobody is sent to what does not answer, and the way back leads back."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.shift import BACK, Part, Stage, forward

OLD, NEW = "old", "new"
percentages = st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True).map(sorted)


class KilledError(Exception):
    """The engine was killed after so many changes."""


@dataclass
class Cluster:
    """One agent: what its pods are, its candidate's, and the candidate's share as the gateway has it.

    A rolling Deployment has ready pods of its last version until the new ones are ready. `broken`: versions that never
    are. `changes`: how many are left until the engine is killed.
    """

    agent: str = OLD
    candidate: str | None = None
    ready: bool = False
    percent: int = 0
    broken: frozenset[str] = frozenset()
    changes: int = 10**6
    seen: list[str] = field(default_factory=list)

    def run(self, stage: Stage, program: str, order: st.DataObject) -> None:
        """What the engine does for a stage: creations and updates in any order, what is to go at the end."""
        if stage.part is Part.PLATFORM:
            return
        wanted = stage.percent or 0
        steps = [lambda: setattr(self, "percent", wanted)]
        if stage.part is not Part.ROUTES:
            becomes = program if stage.percent is None or stage.replaced else OLD
            steps.append(lambda: self._roll(becomes))
            if stage.percent is not None:
                steps.append(self._have_candidate)
            steps = order.draw(st.permutations(steps))
        for step in steps:
            self._change(step)
        if stage.part is not Part.ROUTES and stage.percent is None:
            self._change(self._drop_candidate)

    def _change(self, step: object) -> None:
        if self.changes == 0:
            raise KilledError
        self.changes -= 1
        assert callable(step)
        step()
        self.look()

    def _roll(self, version: str) -> None:
        if version in self.broken:
            raise KilledError
        self.agent = version

    def _have_candidate(self) -> None:
        self.candidate = NEW
        self.ready = NEW not in self.broken
        if not self.ready:
            raise KilledError

    def _drop_candidate(self) -> None:
        self.candidate, self.ready = None, False

    def look(self) -> None:
        """Who is asked is there."""
        assert self.percent == 0 or self.ready, "requests go to a candidate that does not answer"
        self.seen.append(f"{self.agent} {self.candidate} {self.percent}")


def back(cluster: Cluster, order: st.DataObject) -> None:
    for stage in BACK:
        cluster.run(stage, OLD, order)


@given(percentages, st.data())
def test_it_ends_with_the_new_version_alone(percents: list[int], order: st.DataObject) -> None:
    cluster = Cluster()
    for stage in forward(percents):
        cluster.run(stage, NEW, order)
    assert (cluster.agent, cluster.candidate, cluster.percent) == (NEW, None, 0)


@given(percentages, st.integers(0, 40), st.booleans(), st.data())
def test_from_any_moment_the_way_back_ends_with_the_old_version_alone(
    percents: list[int], changes: int, broken: bool, order: st.DataObject
) -> None:
    cluster = Cluster(changes=changes, broken=frozenset({NEW}) if broken else frozenset())
    try:
        for stage in forward(percents):
            cluster.run(stage, NEW, order)
    except KilledError:
        pass
    cluster.changes = 10**6
    back(cluster, order)
    assert (cluster.agent, cluster.candidate, cluster.percent) == (OLD, None, 0)


@given(percentages, st.integers(0, 40), st.integers(0, 6), st.data())
def test_a_way_back_that_was_killed_is_gone_again(
    percents: list[int], changes: int, later: int, order: st.DataObject
) -> None:
    cluster = Cluster(changes=changes)
    for attempt in count():
        try:
            if attempt == 0:
                for stage in forward(percents):
                    cluster.run(stage, NEW, order)
            back(cluster, order)
            break
        except KilledError:
            cluster.changes = later if attempt == 0 else 10**6
    assert (cluster.agent, cluster.candidate, cluster.percent) == (OLD, None, 0)


@given(percentages, st.data())
def test_a_broken_version_gets_no_request(percents: list[int], order: st.DataObject) -> None:
    cluster = Cluster(broken=frozenset({NEW}))
    with pytest.raises(KilledError):
        for stage in forward(percents):
            cluster.run(stage, NEW, order)
    assert all(seen.endswith(" 0") for seen in cluster.seen)
    assert cluster.agent == OLD


@given(percentages)
def test_shares_only_rise_until_the_agents_are_replaced_and_each_is_looked_at(percents: list[int]) -> None:
    stages = forward(percents)
    risen = [stage.percent for stage in stages if stage.part is Part.ROUTES and not stage.replaced]
    assert risen == [*percents, 100]
    assert all(stage.analysed for stage in stages if stage.part is Part.ROUTES)
    assert all(stage.settled for stage in (*stages, *BACK) if stage.part is Part.ROUTES)
    replaced = [stage.percent for stage in stages if stage.replaced]
    assert replaced == [100, 0], "the agents are replaced while nobody asks them"
