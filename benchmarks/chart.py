"""A small chart of lines and points as SVG, for the pages of the documentation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_COLOURS = ("#1f5fa8", "#b8442c", "#2f7d4f", "#8a5ba6", "#80671f")
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 420, 70, 46, 170, 56


@dataclass(frozen=True)
class Series:
    """One line of a chart; `dots` for points without a line."""

    name: str
    points: Sequence[tuple[float, float]]
    dots: bool = False


@dataclass(frozen=True)
class Axis:
    """What is on an axis, from where to where, and what is written at it. Logarithmic where `log`; `unit` follows each number."""

    name: str
    low: float
    high: float
    ticks: Sequence[float]
    log: bool = False
    unit: str = ""

    def at(self, value: float) -> float:
        """Where a value is, 0 to 1."""
        low, high, here = (math.log(one) if self.log else one for one in (self.low, self.high, max(value, self.low)))
        return min(1.0, (here - low) / (high - low))


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Series]) -> str:
    """The chart as the text of an SVG file."""
    wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return _LEFT + wide * x.at(point[0]), _TOP + tall * (1 - y.at(point[1]))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="13" role="img">',
        f"<title>{title}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        _text(_LEFT, 24, title, "start", size=15),
    ]
    for tick in x.ticks:
        at, _ = place((tick, y.low))
        parts += [
            _rule(at, _TOP, at, _TOP + tall),
            _text(at, _HEIGHT - _BOTTOM + 18, f"{tick:g}{x.unit}", "middle"),
        ]
    for tick in y.ticks:
        _, at = place((x.low, tick))
        parts += [_rule(_LEFT, at, _LEFT + wide, at), _text(_LEFT - 8, at + 4, f"{tick:g}{y.unit}", "end")]
    parts += [
        _text(_LEFT + wide / 2, _HEIGHT - 14, x.name, "middle"),
        f'<g transform="translate(18 {_TOP + tall / 2}) rotate(-90)">{_text(0, 0, y.name, "middle")}</g>',
    ]
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [place(point) for point in line.points]
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{4 if line.dots else 3}" fill="{colour}"/>' for a, b in places]
        if not line.dots:
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        top = _TOP + 14 + 22 * number
        parts += [
            f'<circle cx="{_LEFT + wide + 18}" cy="{top - 4}" r="5" fill="{colour}"/>',
            _text(_LEFT + wide + 30, top, line.name, "start"),
        ]
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, words: str, anchor: str, size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#222">{words}</text>'


def _rule(x: float, y: float, x2: float, y2: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'
