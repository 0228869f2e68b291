"""Mosaic: stones of glass and gold in rows that flow round things, with grout between them and light on their edges."""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from triptych.providers.demo.andamento import Bed, Corner, Labels, Layer, Tile
from triptych.providers.demo.canvas import Canvas, disc_alpha, ridges, sky
from triptych.providers.demo.cutout import Cutouts
from triptych.providers.demo.field import Colour, Field, blur, distance, lay, mix, noise, ramp, resized
from triptych.providers.demo.ground import ground
from triptych.providers.demo.job import Job
from triptych.providers.demo.weather import fall, lightning

_STONE = 5.2
"""Side of a stone on the small sheet that is laid out first, in pixels of that sheet."""
_SKY, _DISC, _RIDGE, _GROUND, _HALO, _FIGURE = 0, 1, 2, 20, 30, 100


class Mosaic:
    """The painter of stones."""

    steps = 9

    def paint(self, job: Job) -> Iterator[Field]:
        share = 0.0112 + 0.0092 * job.strength
        unit = min(job.height, 1.3 * job.width)
        scale = max(1.0, share * unit / _STONE)
        small = Job(scene=job.scene, width=max(16, round(job.width / scale)), height=max(16, round(job.height / scale)),
                    seed=job.seed, strength=job.strength, source=_shrunk(job.source, scale))  # fmt: skip
        canvas = small.canvas()
        plan = _Plan(canvas) if small.source is None else _Plan.of_picture(canvas, small.source)
        sheet = _Sheet(job, canvas, plan)
        yield sheet.seen()
        for group in ([_SKY, _DISC], list(range(_RIDGE, _GROUND)), [_GROUND], [_HALO]):
            sheet.set_beds(group)
            yield sheet.seen()
        pieces = sorted(int(label) for label in np.unique(plan.labels) if label >= _FIGURE)
        third = -(-len(pieces) // 3) or 1
        for start in range(3):
            sheet.set_pieces(pieces[start * third : (start + 1) * third])
            yield sheet.seen()
        yield sheet.finished()


def _shrunk(source: Field | None, scale: float) -> Field | None:
    if source is None:
        return None
    width, height = max(16, round(source.shape[1] / scale)), max(16, round(source.shape[0] / scale))
    return np.stack(
        [resized(np.ascontiguousarray(source[..., c]), width, height, soft=False) for c in range(3)], axis=-1
    )


class _Plan:
    """The cartoon under a mosaic: colours, regions, and for each region the field that its rows follow."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.outlines: list[tuple[Corner, ...]] = []
        self.labels: Labels = np.zeros(canvas.shape, dtype=np.int32)
        self.fields: dict[int, Field] = {}
        self.picture = sky(canvas)
        self._sky_rows()
        self._layers()
        self._figures()

    def _sky_rows(self) -> None:
        canvas, scene = self.canvas, self.canvas.scene
        wave = noise(canvas.rng, canvas.shape, (canvas.unit * 0.55, canvas.unit * 0.4), 2, 0.35)
        centre = np.hypot(canvas.x - np.float32(canvas.light[0]), canvas.y - np.float32(canvas.light[1]))
        flat = canvas.y + wave * np.float32(canvas.unit * 0.045) + np.zeros_like(canvas.x)
        fans = scene.source is not None or scene.indoors
        self.fields[_SKY] = np.asarray(
            centre + wave * np.float32(canvas.unit * 0.012) if fans else flat, dtype=np.float32
        )
        if scene.source is not None and not scene.indoors:
            disc = disc_alpha(canvas) > 0.5
            self.labels[disc] = _DISC
            self.fields[_DISC] = np.asarray(np.float32(scene.source_size * canvas.unit) - centre, dtype=np.float32)
        if "storm" in scene.weathers:
            lightning(canvas, self.picture)

    def _layers(self) -> None:
        canvas = self.canvas
        for index, ridge in enumerate(ridges(canvas)):
            lay(self.picture, ridge.colour, ridge.alpha)
            self.labels[ridge.alpha > 0.5] = _RIDGE + index
            edge = (
                blur(np.repeat(ridge.edge[None, :], 6, axis=0), 5.0 if ridge.kind == "hills" else 3.0)[2]
                if canvas.width >= 64
                else ridge.edge
            )
            lean = np.sqrt(1 + np.gradient(edge) ** 2)
            rows = (
                (canvas.y - edge[None, :]) / np.clip(lean, 1, 1.6)[None, :]
                if ridge.kind in {"hills", "mountain"}
                else canvas.y + 0 * canvas.x
            )
            self.fields[_RIDGE + index] = np.asarray(rows, dtype=np.float32)
        floor = ground(canvas, self.picture)
        lay(self.picture, floor, np.broadcast_to(canvas.below(), canvas.shape))
        self.labels[np.broadcast_to(canvas.below() > 0.5, canvas.shape)] = _GROUND
        wave = noise(canvas.rng, canvas.shape, (canvas.unit * 0.35, canvas.unit * 0.2), 2, 0.4)
        bend = {"water": 0.03, "sand": 0.028, "grass": 0.02, "snow": 0.024}.get(canvas.scene.ground, 0.008)
        self.fields[_GROUND] = np.asarray(
            canvas.y - np.float32(canvas.horizon) + wave * np.float32(bend * canvas.unit) + 0 * canvas.x,
            dtype=np.float32,
        )

    def _figures(self) -> None:
        canvas = self.canvas
        figures = Cutouts(canvas, contour=0)
        lay(self.picture, canvas.scene.palette.shade, figures.cast * np.float32(0.6))
        fall(canvas, self.picture)
        shown = figures.colour * np.float32(0.66) + figures.flat * np.float32(0.38)
        self._set_apart(figures, shown)
        lay(self.picture, shown, figures.alpha)
        shape = figures.piece > 0
        if shape.any():
            away = distance(shape)
            self.labels[(away > 0) & (away < _STONE * 2.05)] = _HALO
            self.fields[_HALO] = away
        self.labels[shape] = figures.piece[shape] + _FIGURE - 1
        self.outlines = figures.outlines

    def _set_apart(self, figures: Cutouts, shown: Field) -> None:
        """Lightens what is round dark figures and darkens what is round light ones."""
        inside = figures.alpha > 0.5
        if not inside.any():
            return
        weights = np.asarray((0.3, 0.59, 0.11), dtype=np.float32)
        near = np.clip(blur(figures.alpha, self.canvas.unit * 0.045) * 1.6, 0, 1)
        own = float((shown[inside] @ weights).mean())
        around = (
            float((self.picture[(near > 0.3) & ~inside] @ weights).mean()) if ((near > 0.3) & ~inside).any() else own
        )
        palette = self.canvas.scene.palette
        darker = own > 0.3 and own > around - (0.12 if around > 0.55 else 0.0)
        towards = mix(palette.zenith, palette.shade, 0.35) if darker else mix(palette.low, palette.light, 0.7)
        lay(self.picture, towards, near * np.float32(0.42 if abs(own - around) < 0.25 else 0.2))

    @classmethod
    def of_picture(cls, canvas: Canvas, source: Field) -> "_Plan":
        """A plan for a given picture: regions of like tone, rows along their borders, colours drawn towards the words'."""
        plan = cls.__new__(cls)
        plan.canvas, plan.outlines, plan.fields = canvas, [], {}
        palette = canvas.scene.palette
        tone = source @ np.asarray((0.3, 0.59, 0.11), dtype=np.float32)
        mapped = ramp(
            [
                (0.0, palette.shade),
                (0.35, palette.zenith),
                (0.6, palette.middle),
                (0.82, palette.low),
                (1.0, mix(palette.light, (1, 1, 1), 0.4)),
            ],
            tone,
        )
        plan.picture = source + (mapped - source) * np.float32(0.5)
        fall(canvas, plan.picture)
        calm = blur(tone, 3.0)
        steps = np.quantile(calm, (0.2, 0.4, 0.6, 0.8))
        plan.labels = np.digitize(calm, steps).astype(np.int32) * 4
        plan.labels[plan.labels == 0] = _SKY
        away = distance(_borders(plan.labels))
        plan.fields = {int(label): away for label in np.unique(plan.labels)}
        return plan


def _borders(labels: Labels) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    edges = np.zeros(labels.shape, dtype=bool)
    edges[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edges[1:] |= labels[1:] != labels[:-1]
    edges[0, 0] = edges[0, 0] or not edges.any()
    return edges


class _Sheet:
    """The mosaic as it grows: drawn at twice its size, in straight cuts."""

    def __init__(self, job: Job, canvas: Canvas, plan: _Plan) -> None:
        self.job, self.canvas, self.plan = job, canvas, plan
        self.fine = 2
        self.sx = job.width * self.fine / canvas.width
        self.sy = job.height * self.fine / canvas.height
        palette = canvas.scene.palette
        self.grout = mix(mix(palette.shade, palette.near, 0.3), (0.2, 0.19, 0.18), 0.5)
        if not palette.dark:
            self.grout = mix(self.grout, mix(palette.middle, (0.55, 0.5, 0.45), 0.5), 0.3)
        self.image = Image.new("RGB", (job.width * self.fine, job.height * self.fine), _ink(self.grout))
        self.pen = ImageDraw.Draw(self.image)
        self.layer = Layer(canvas.shape, canvas.rng)
        calm = np.stack([blur(plan.picture[..., c], 1.0) for c in range(3)], axis=-1)
        grey = calm @ np.asarray((0.3, 0.59, 0.11), dtype=np.float32)
        rich = grey[..., None] + (calm - grey[..., None]) * np.float32(1.22 + 0.3 * job.strength)
        rich = np.clip(rich, 0, 1)
        self.colours = rich + (rich * rich * (3 - 2 * rich) - rich) * np.float32(0.6)
        self.rng = canvas.rng
        self.gold = canvas.scene.palette.light

    def seen(self) -> Field:
        return np.asarray(self.image.reduce(self.fine), dtype=np.float32) / np.float32(255)

    def set_beds(self, labels: list[int]) -> None:
        """Fills the regions of these labels, in order."""
        for label in labels:
            inside = self.plan.labels == label
            if label in self.plan.fields and inside.any():
                self._stones(self.layer.lay(Bed(inside=inside, field=self.plan.fields[label], side=_STONE)), label)

    def set_pieces(self, labels: list[int]) -> None:
        """Pieces of figures: a bed of their own colour cut to the outline, then rows along that outline; what is too
        narrow for rows is cut from one stone."""
        for label in labels:
            inside = self.plan.labels == label
            outline = [(x * self.sx, y * self.sy) for x, y in self.plan.outlines[label - _FIGURE]]
            tone = self.colours[inside].mean(axis=0)
            field = distance(_borders(np.asarray(inside, dtype=np.int32)))
            deep = float(field[inside].max())
            self._bedding(outline)
            if deep < _STONE * 0.62:
                self.pen.polygon(outline, fill=_ink((float(tone[0]), float(tone[1]), float(tone[2]))))
                self._cuts(inside)
                continue
            self.pen.polygon(
                outline, fill=_ink(mix((float(tone[0]), float(tone[1]), float(tone[2])), self.grout, 0.62))
            )
            side = min(_STONE, max(deep * 0.98, _STONE * 0.6))
            self._stones(self.layer.lay(Bed(inside=inside, field=field, side=side * 0.94)), label)

    def _bedding(self, outline: list[Corner]) -> None:
        """A joint of grout round the piece."""
        self.pen.line(
            [*outline, outline[0], outline[1]],
            fill=_ink(self.grout),
            width=max(2, int(0.3 * _STONE * self.sx)),
            joint="curve",
        )

    def _cuts(self, inside: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> None:
        """Joints across a strip that is one stone wide, a stone's length apart."""
        lies = np.ptp(np.nonzero(inside.any(axis=0))[0]) >= np.ptp(np.nonzero(inside.any(axis=1))[0])
        lines = inside.T if lies else inside
        taken = np.nonzero(lines.any(axis=1))[0]
        step = max(2, round(_STONE * 1.15))
        for at in range(int(taken[0]) + step, int(taken[-1]) - 1, step):
            across = np.nonzero(lines[at])[0]
            if not len(across) or across[-1] - across[0] > 2.5 * _STONE:
                continue
            low, high = float(across[0]) - 0.3, float(across[-1]) + 1.3
            ends = [(at + 0.5, low), (at + 0.7, high)] if lies else [(low, at + 0.5), (high, at + 0.7)]
            self.pen.line(
                [(x * self.sx, y * self.sy) for x, y in ends],
                fill=_ink(self.grout),
                width=max(2, int(0.22 * _STONE * self.sx)),
            )

    def _stones(self, tiles: list[Tile], label: int) -> None:
        count = len(tiles)
        if not count:
            return
        chance = self.rng.random((count, 3))
        tilt = self.rng.normal(0, 0.055 + 0.02 * self.job.strength, count)
        gold = 0.06 if label == _HALO else 0.5 if label == _DISC else 0.0
        for tile, (a, b, c), lean in zip(tiles, chance, tilt, strict=True):
            x = min(max(int(tile.x), 0), self.canvas.width - 1)
            y = min(max(int(tile.y), 0), self.canvas.height - 1)
            red, green, blue = (float(v) for v in self.colours[y, x])
            colour = (red * (1 + lean + 0.05 * (b - 0.5)), green * (1 + lean), blue * (1 + lean - 0.05 * (b - 0.5)))
            if a < gold:
                colour = mix(colour, self.gold, 0.7)
            if c < 0.012:
                colour = mix(colour, self.gold, 0.2)
            self._stone(tile, colour, b)

    def _stone(self, tile: Tile, colour: Colour, chance: float) -> None:
        """One stone: its joint, its face, and four bevelled edges turned to or from the light."""
        shrink = 0.88 - 0.06 * chance
        middle = (tile.x * self.sx, tile.y * self.sy)
        outer = [(x * self.sx, y * self.sy) for x, y in tile.corners]
        face = [_between(middle, corner, shrink) for corner in outer]
        inner = [_between(middle, corner, shrink * 0.72) for corner in outer]
        self.pen.polygon(outer, fill=_ink(self.grout))
        self.pen.polygon(face, fill=_ink(colour))
        for i in range(4):
            j = (i + 1) % 4
            ex, ey = face[j][0] - face[i][0], face[j][1] - face[i][1]
            length = math.hypot(ex, ey) or 1.0
            ox, oy = (face[i][0] + face[j][0]) / 2 - middle[0], (face[i][1] + face[j][1]) / 2 - middle[1]
            nx, ny = ey / length, -ex / length
            turned = 1.0 if nx * ox + ny * oy >= 0 else -1.0
            light = turned * (nx * -0.55 + ny * -0.83)
            edge = (
                mix(colour, (1.0, 0.99, 0.95), 0.24 * light)
                if light > 0
                else mix(colour, (0.02, 0.02, 0.05), -0.3 * light)
            )
            self.pen.polygon([face[i], face[j], inner[j], inner[i]], fill=_ink(edge))

    def finished(self) -> Field:
        """The surface: a grain in the glass, and light that falls across the wall."""
        picture = self.seen()
        full = Canvas(self.job.scene, self.job.width, self.job.height, self.rng)
        grain = noise(self.rng, full.shape, (full.unit * 0.004, full.unit * 0.004), 2)
        fall_of_light = (
            full.x / np.float32(full.width) * np.float32(0.5) + full.y / np.float32(full.height)
        ) * np.float32(0.1) - np.float32(0.06)
        wash = noise(self.rng, full.shape, (full.unit * 0.5, full.unit * 0.4), 2) * np.float32(0.025)
        picture *= (1 + np.float32(0.032) * grain - fall_of_light + wash)[..., None]
        return np.asarray(picture, dtype=np.float32)


def _between(a: Corner, b: Corner, share: float) -> Corner:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _ink(colour: Colour) -> tuple[int, int, int]:
    r, g, b = (int(min(max(c, 0.0), 1.0) * 255 + 0.5) for c in colour)
    return r, g, b
