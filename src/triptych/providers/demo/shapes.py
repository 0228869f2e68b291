"""Outlines to cut silhouettes from. A figure stands on y = 0 and is about 1 high; x runs from its middle, y upwards."""

import math
from dataclasses import dataclass

Point = tuple[float, float]
Outline = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a figure, laid over the pieces before it.

    `ink` says which colour it takes: `body` and `trim` are the figure's own, the rest are fixed (`dark`, `pale`, `glow`,
    `leaf`, `wood`, `skin`). `tone` lightens (+) or darkens (-) it, `puff` is how round it is, 0 for flat.
    """

    outline: Outline
    ink: str = "body"
    tone: float = 0.0
    puff: float = 1.0


def poly(*points: Point) -> Outline:
    """Straight edges."""
    return points


def box(left: float, low: float, right: float, top: float) -> Outline:
    return ((left, low), (right, low), (right, top), (left, top))


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> Outline:
    """`turn` in degrees, counter-clockwise."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    ring = [(rx * math.cos(i * math.tau / 72), ry * math.sin(i * math.tau / 72)) for i in range(72)]
    return tuple((x + a * c - b * s, y + a * s + b * c) for a, b in ring)


def _spline(a: Point, b: Point, c: Point, d: Point, t: float) -> Point:
    def one(p0: float, p1: float, p2: float, p3: float) -> float:
        return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t * t
                      + (3 * p1 - p0 - 3 * p2 + p3) * t**3)  # fmt: skip

    return one(a[0], b[0], c[0], d[0]), one(a[1], b[1], c[1], d[1])


def curve(points: list[Point], steps: int = 14) -> list[Point]:
    """A smooth line through the points (Catmull-Rom); a point written twice is a corner."""
    line: list[Point] = []
    for i in range(len(points) - 1):
        before, here, there = points[max(i - 1, 0)], points[i], points[i + 1]
        after = points[min(i + 2, len(points) - 1)]
        if here == there:
            continue  # a corner: a curve through a segment without length would tie a knot
        line += [_spline(before, here, there, after, s / steps) for s in range(steps)]
    return [*line, points[-1]]


def blob(*points: Point) -> Outline:
    """A closed smooth shape through the points; a point written twice is a corner."""
    ring = [points[-1], *points, points[0], points[1]]
    line: list[Point] = []
    for i in range(1, len(points) + 1):
        if ring[i] == ring[i + 1]:
            continue
        line += [_spline(ring[i - 1], ring[i], ring[i + 1], ring[i + 2], s / 14) for s in range(14)]
    return tuple(line)


def lathe(*profile: Point, x: float = 0.0) -> Outline:
    """A turned body from half its outline, (radius, y) from bottom to top."""
    side = curve(list(profile))
    return tuple([(x + r, y) for r, y in side] + [(x - r, y) for r, y in reversed(side)])


def stroke(points: list[Point], *widths: float) -> Outline:
    """A line with a thickness that runs through the given widths, with round ends."""
    line = curve(points)
    left: list[Point] = []
    right: list[Point] = []
    for i, (x, y) in enumerate(line):
        (x0, y0), (x1, y1) = line[max(i - 1, 0)], line[min(i + 1, len(line) - 1)]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        place = i / (len(line) - 1) * (len(widths) - 1)
        at = min(int(place), max(len(widths) - 2, 0))
        wide = widths[at] if len(widths) == 1 else widths[at] + (widths[at + 1] - widths[at]) * (place - at)
        nx, ny = -(y1 - y0) / length * wide / 2, (x1 - x0) / length * wide / 2
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return (*_cap(right[0], left[0]), *left, *_cap(left[-1], right[-1]), *reversed(right))


def _cap(start: Point, end: Point) -> list[Point]:
    """Half a circle from one side of a line's end to the other."""
    cx, cy = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    dx, dy = start[0] - cx, start[1] - cy
    turns = [-math.pi * i / 8 for i in range(1, 8)]
    return [(cx + dx * math.cos(a) - dy * math.sin(a), cy + dx * math.sin(a) + dy * math.cos(a)) for a in turns]


def mirrored(outline: Outline) -> Outline:
    return tuple((-x, y) for x, y in outline)


def moved(outline: Outline, dx: float, dy: float, scale: float = 1.0) -> Outline:
    return tuple((x * scale + dx, y * scale + dy) for x, y in outline)
