"""Charts as inline SVG: no script, no library, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import floor, log10

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 240, 62, 34, 14
COLOURS = ("#2563eb", "#d97706", "#dc2626", "#059669", "#7c3aed")
Line = Sequence[tuple[float, float | None]]


def lines(series: Mapping[str, Line], *, x: str, y: str, ticks: Mapping[float, str] | None = None) -> str:
    """Lines over one axis; a missing value breaks its line. `ticks`: x → its label, otherwise even ones."""
    points = [(a, b) for line in series.values() for a, b in line if b is not None]
    if not points:
        return '<p class="none">nothing to show</p>'
    low, high = min(a for a, _ in points), max(a for a, _ in points)
    top = _above(max(b for _, b in points))
    scale = _Scale(low, high if high > low else low + 1, top)
    parts = [scale.frame(x, y, ticks)]
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        for piece in _pieces(line):
            path = " ".join(f"{scale.x(a):.1f},{scale.y(b):.1f}" for a, b in piece)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
            if len(piece) == 1 or len(line) <= 24:
                parts.extend(
                    f'<circle cx="{scale.x(a):.1f}" cy="{scale.y(b):.1f}" r="2.6" fill="{colour}">'
                    f"<title>{escape(name)}: {b:g} at {a:g}</title></circle>"
                    for a, b in piece
                )
        at = LEFT + 10 + 120 * number
        parts.append(f'<rect x="{at}" y="2" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{at + 14}" y="11">{escape(name)}</text>')
    return _svg(parts)


def bars(values: Mapping[str, float]) -> str:
    """Horizontal bars, longest first."""
    if not values:
        return '<p class="none">none</p>'
    top = max(values.values())
    rows = sorted(values.items(), key=lambda row: -row[1])
    parts = []
    for number, (name, value) in enumerate(rows):
        y = 6 + number * 24
        width = (WIDTH - 320) * value / top
        parts.append(f'<text x="190" y="{y + 13}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect x="200" y="{y}" width="{width:.1f}" height="16" fill="{COLOURS[2]}"/>')
        parts.append(f'<text x="{206 + width:.1f}" y="{y + 13}">{value:g}</text>')
    return _svg(parts, len(rows) * 24 + 10)


class _Scale:
    def __init__(self, low: float, high: float, top: float) -> None:
        self.low, self.high, self.top = low, high, top

    def x(self, value: float) -> float:
        return LEFT + (value - self.low) / (self.high - self.low) * (WIDTH - LEFT - 12)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - BOTTOM - TOP - 6)

    def frame(self, x: str, y: str, ticks: Mapping[float, str] | None) -> str:
        parts = []
        for number in range(5):
            value = self.top * number / 4
            at = self.y(value)
            parts.append(f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - 12}" y2="{at:.1f}" class="grid"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>')
        even = {self.low + (self.high - self.low) * number / 6: "" for number in range(7)}
        for place, label in (ticks or even).items():
            text = label or f"{place:.4g}"
            parts.append(f'<text x="{self.x(place):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{text}</text>')
        parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 3}" text-anchor="middle">{escape(x)}</text>')
        parts.append(f'<text x="{WIDTH - 12}" y="11" text-anchor="end">{escape(y)}</text>')
        return "".join(parts)


def _svg(parts: Sequence[str], height: int = HEIGHT) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'


def _pieces(line: Line) -> list[list[tuple[float, float]]]:
    pieces: list[list[tuple[float, float]]] = [[]]
    for a, b in line:
        if b is not None:
            pieces[-1].append((a, b))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _above(value: float) -> float:
    """A round number at or above a value."""
    if value <= 0:
        return 1.0
    unit = 10 ** floor(log10(value))
    return float(next(step * unit for step in (1, 2, 4, 5, 8, 10) if value <= step * unit * (1 + 1e-9)))
