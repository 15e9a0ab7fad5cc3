"""A chart of lines over a fixed stretch of time as inline SVG, with its legend below: no script, nothing loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import floor, log10

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 220, 64, 24, 10, 24
COLOURS = ("#2563eb", "#d97706", "#dc2626", "#059669", "#7c3aed", "#0891b2", "#db2777", "#65a30d")
# A missing value breaks its line.
Line = Sequence[tuple[float, float | None]]
NOTHING = '<p class="none">nothing to show</p>'


def chart(lines: Mapping[str, Line], *, low: float, high: float, ticks: Mapping[float, str]) -> str:
    """Lines from `low` to `high`; at most as many as there are colours. `ticks`: a place on that axis → its label."""
    values = [value for line in lines.values() for _, value in line if value is not None]
    if not values:
        return NOTHING
    top, bottom = above(max(*values, 0)), -above(-min(*values, 0))
    top = top if top > bottom else 1.0

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - low) / (high - low)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (top - value) / (top - bottom)

    parts = []
    for step in range(5):
        value = bottom + (top - bottom) * step / 4
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.4g}</text>')
    parts += [
        f'<text x="{x(at):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(said)}</text>'
        for at, said in ticks.items()
    ]
    for (name, line), colour in zip(lines.items(), COLOURS, strict=False):
        for piece in pieces(line):
            path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in piece)
            title = f"<title>{escape(name)}</title>"
            if len(piece) == 1:
                at, value = piece[0]
                parts.append(f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="2.5" fill="{colour}">{title}</circle>')
            else:
                parts.append(
                    f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8">{title}</polyline>'
                )
    keys = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>'
        for name, colour in zip(lines, COLOURS, strict=False)
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg><div class="key">{keys}</div>'


def pieces(line: Line) -> list[list[tuple[float, float]]]:
    """The line's unbroken stretches."""
    made: list[list[tuple[float, float]]] = [[]]
    for at, value in line:
        if value is None:
            made.append([])
        else:
            made[-1].append((at, value))
    return [piece for piece in made if piece]


def above(value: float) -> float:
    """The least of 1, 2, 4, 5 or 10 times a power of ten that is not below `value`; 0 for 0 and less."""
    if value <= 0:
        return 0.0
    power = 10.0 ** floor(log10(value))
    return next((factor * power for factor in (1, 2, 4, 5, 10) if factor * power >= value), 10 * power)
