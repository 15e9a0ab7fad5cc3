from __future__ import annotations

from xml.etree import ElementTree as Tree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.line_chart import COLOURS, HEIGHT, NOTHING, WIDTH, Line, above, chart, pieces

VALUES = st.one_of(st.none(), st.floats(-1e9, 1e9, allow_nan=False))
LINES = st.dictionaries(st.text(max_size=20), st.lists(st.tuples(st.floats(-3600, 0), VALUES), max_size=20), max_size=8)


@given(LINES)
def test_whatever_is_drawn_is_well_formed_and_within_its_frame(lines: dict[str, Line]) -> None:
    drawn = chart(lines, low=-3600, high=0, ticks={-3600: "then", 0: "now"})
    if drawn == NOTHING:
        assert all(value is None for line in lines.values() for _, value in line)
        return
    printable = "".join(letter for letter in drawn if letter.isprintable())
    root = Tree.fromstring(f"<div>{printable}</div>")  # noqa: S314 – our own text
    for line in root.iter("polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT


def test_a_missing_value_breaks_its_line() -> None:
    assert pieces([(0, 1.0), (1, None), (2, 3.0), (3, 4.0)]) == [[(0, 1.0)], [(2, 3.0), (3, 4.0)]]


def test_names_are_escaped_and_each_has_its_colour() -> None:
    drawn = chart({"<b>": [(-1, 1.0), (0, 2.0)]}, low=-1, high=0, ticks={})
    assert "<b>" not in drawn
    assert COLOURS[0] in drawn


@pytest.mark.parametrize(("value", "top"), [(0, 0), (-3, 0), (0.3, 0.4), (7, 10), (4, 4), (1001, 2000)])
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert above(value) == pytest.approx(top)
