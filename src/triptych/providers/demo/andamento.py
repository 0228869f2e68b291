"""How tesserae are laid: in rows that follow a field, each stone cut to the curve (what mosaicists call andamento)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.providers.demo.field import Field, Rng

Labels = NDArray[np.int32]
Corner = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tile:
    """One stone: its four corners and its middle, in pixels of the sheet it was laid on."""

    corners: tuple[Corner, Corner, Corner, Corner]
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    """A region to be filled: where it is, the field whose levels its rows follow (growing by about 1 a pixel), and the
    side of a stone."""

    inside: NDArray[np.bool_]
    field: Field
    side: float


class Layer:
    """Lays stones into beds, one bed after the other."""

    def __init__(self, shape: tuple[int, int], rng: Rng) -> None:
        self._height, self._width = shape
        self._rng = rng

    def lay(self, bed: Bed) -> list[Tile]:
        """The stones of one bed, row by row; small gaps stay for the grout."""
        rows = np.nonzero(bed.inside.any(axis=1))[0]
        if not len(rows):
            return []
        walk = _Walk(bed, self._rng)
        tiles: list[Tile] = []
        step = max(1, int(bed.side / 3))
        ys, xs = np.nonzero(bed.inside[::step, ::step])
        for x, y in zip((xs * step).tolist(), (ys * step).tolist(), strict=True):
            if not walk.taken[y][x]:
                tiles += walk.row(x + 0.5, y + 0.5)
        return tiles


class _Walk:
    """Walks along the levels of one field, cutting stones on the way."""

    def __init__(self, bed: Bed, rng: Rng) -> None:
        self.side = bed.side
        self.height, self.width = bed.inside.shape
        gy, gx = np.gradient(bed.field)
        steep = np.maximum(gx * gx + gy * gy, np.float32(0.05))
        self.halves: list[list[float]] = (np.clip(1 / np.sqrt(steep), 0.7, 1.35) * bed.side / 2).tolist()
        self.field: list[list[float]] = bed.field.tolist()
        self.gx: list[list[float]] = (gx / steep).tolist()
        self.gy: list[list[float]] = (gy / steep).tolist()
        self.inside: list[list[bool]] = bed.inside.tolist()
        self.taken = np.zeros(bed.inside.shape, dtype=bool).tolist()
        self.lengths: list[float] = (bed.side * (0.86 + 0.42 * rng.random(512))).tolist()
        self.turn = 0

    def row(self, x: float, y: float) -> list[Tile]:
        """Stones both ways from a free place."""
        cell = self._cell(x, y)
        level = (int(self.field[cell[1]][cell[0]] // self.side) + 0.5) * self.side
        x, y = self._onto(x, y, level)
        column, line = self._cell(x, y)
        if not self.inside[line][column] or self.taken[line][column]:
            return []
        return [*self._along(x, y, level, 1.0), *self._along(x, y, level, -1.0)]

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        return min(max(int(x), 0), self.width - 1), min(max(int(y), 0), self.height - 1)

    def _onto(self, x: float, y: float, level: float) -> Corner:
        """The nearest place where the field has that level (one Newton step)."""
        column, line = self._cell(x, y)
        off = level - self.field[line][column]
        off = min(max(off, -self.side), self.side)
        return x + off * self.gx[line][column], y + off * self.gy[line][column]

    def _normal(self, x: float, y: float) -> Corner:
        column, line = self._cell(x, y)
        nx, ny = self.gx[line][column], self.gy[line][column]
        length = (nx * nx + ny * ny) ** 0.5 or 1.0
        return nx / length, ny / length

    def _along(self, x: float, y: float, level: float, way: float) -> list[Tile]:
        tiles: list[Tile] = []
        nx, ny = self._normal(x, y)
        for _ in range(4 * (self.width + self.height)):
            self.turn = (self.turn + 1) % 512
            length = self.lengths[self.turn]
            x1, y1 = self._onto(x - ny * way * length, y + nx * way * length, level)
            if (x1 - x) ** 2 + (y1 - y) ** 2 < 0.2 * length * length:
                break
            mx, my = (x + x1) / 2, (y + y1) / 2
            column, line = self._cell(mx, my)
            outside = not (-self.side < mx < self.width + self.side and -self.side < my < self.height + self.side)
            if outside or not self.inside[line][column] or self.taken[line][column]:
                break
            mx1, my1 = self._normal(x1, y1)
            if mx1 * nx + my1 * ny < -0.2:
                break
            tiles.append(self._cut((x, y), (nx, ny), (x1, y1), (mx1, my1)))
            self._take(mx, my)
            x, y, nx, ny = x1, y1, mx1, my1
        return tiles

    def _cut(self, a: Corner, na: Corner, b: Corner, nb: Corner) -> Tile:
        column, line = self._cell((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        half = self.halves[line][column]
        corners = ((a[0] - na[0] * half, a[1] - na[1] * half), (b[0] - nb[0] * half, b[1] - nb[1] * half),
                   (b[0] + nb[0] * half, b[1] + nb[1] * half), (a[0] + na[0] * half, a[1] + na[1] * half))  # fmt: skip
        return Tile(corners, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2)

    def _take(self, x: float, y: float) -> None:
        """Marks the ground under a stone, a little less than all of it, so that neighbours can touch."""
        reach = self.side * 0.36
        left, right = max(int(x - reach), 0), min(int(x + reach) + 1, self.width)
        if right <= left:
            return
        for line in range(max(int(y - reach), 0), min(int(y + reach) + 1, self.height)):
            self.taken[line][left:right] = [True] * (right - left)
