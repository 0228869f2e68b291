"""From the words of a prompt to a scene."""

import itertools
from dataclasses import replace

import numpy as np

from triptych.providers.demo.field import Colour, luma, mix, rgb
from triptych.providers.demo.living import ABSTRACT, LIVING
from triptych.providers.demo.objects import OBJECTS
from triptych.providers.demo.palette import Change, Palette, blended, each, for_hour, grounded, skyward, tinted
from triptych.providers.demo.reading import Reading, Thing, read, without
from triptych.providers.demo.scene import Figure, Scene, Whim, stable
from triptych.providers.demo.words import AFLOAT, COLOURS, DEFAULT_COLOURS, TRIM_COLOURS

_STILL_LIFE = frozenset(
    {"kettle", "teapot", "vase", "bottle", "cup", "bowl", "book", "candle", "lamp", "apple", "pear", "guitar", "key",
     "crown", "chair", "heart"}
)  # fmt: skip
_SHARE_OF_HEIGHT = {
    "bird": 0.34, "butterfly": 0.4, "kite": 0.5, "fish": 0.42, "apple": 0.42, "cup": 0.42, "bowl": 0.36, "book": 0.42,
    "whale": 0.36, "car": 0.34, "boat": 0.5, "dog": 0.42, "cat": 0.48, "horse": 0.5, "tent": 0.34, "crown": 0.4, "key": 0.5,
    "person": 0.46, "woman": 0.5, "pear": 0.46, "heart": 0.4, "balloon": 0.5, "bridge": 0.36, "portrait": 0.84,
    "castle": 0.52, "candle": 0.5, "ship": 0.54, "tree": 0.62, "lotus": 0.36, "star": 0.3, "house": 0.38, "church": 0.48,
    "lantern": 0.46, "windmill": 0.56, "pyramid": 0.4, "pine": 0.58, "teapot": 0.46, "kettle": 0.56, "lamp": 0.52,
    "fox": 0.44, "owl": 0.5, "mushroom": 0.44, "umbrella": 0.5, "tulip": 0.6, "flower": 0.62,
}  # fmt: skip
_AT_SEA = frozenset({"boat", "ship", "whale", "fish", "lotus", "bridge", "heron"})
_GROUND_OF = {
    "water": _AT_SEA | {"lighthouse"},
    "table": {"book", "lamp", "candle", "chair", "cup", "bowl", "guitar", "vase", "bottle", "teapot", "key", "crown", "pear"},
    "sand": {"pyramid", "cactus"},
    "grass": {"tree", "house", "church", "horse", "fox", "tent", "windmill", "castle", "flower", "tulip", "balloon", "kite",
              "butterfly", "mushroom", "owl", "pine"},
}  # fmt: skip
_OF_ANY_COLOUR = frozenset(
    {"tulip", "flower", "lotus", "bird", "fish", "car", "balloon", "kite", "umbrella", "butterfly", "vase", "bottle", "cup",
     "bowl", "teapot", "kettle", "chair", "book", "lantern", "boat", "tent", "heart", "orb", "monolith", "arches", "cairn"}
)  # fmt: skip
"""Things that take a colour named for the whole picture, as in `three tulips, pink`."""
_LAND_FORMS = frozenset({"mountain", "volcano", "hills", "forest", "city", "wall"})
_BREADTH = {
    kind: max(abs(x) for part in make() for x, _ in part.outline) for kind, make in {**OBJECTS, **LIVING}.items()
}
"""Half the width of each figure, in heights."""
_PLASTER: Colour = (0.66, 0.58, 0.5)
_SUN_HEIGHT = {
    "dawn": 0.86,
    "dusk": 0.86,
    "golden": 0.7,
    "morning": 0.5,
    "noon": 0.2,
    "blue": 0.8,
    "night": 0.3,
    "moonlit": 0.3,
}


def compose(prompt: str, negative: str | None, seed: int, ratio: float, whim: Whim) -> Scene:
    """The scene for a prompt in a picture of that width / height. The words decide the composition, the seed moves it
    a little, and more with `variety`."""
    return _Composer(prompt, negative, seed, ratio, whim).scene()


class _Composer:
    """One composition on its way."""

    def __init__(self, prompt: str, negative: str | None, seed: int, ratio: float, whim: Whim) -> None:
        self.prompt, self.ratio, self.whim = prompt, ratio, whim
        self.avoided = read(negative or "")
        self.reading = without(read(prompt), self.avoided)
        self.words = np.random.default_rng(stable("scene", prompt))
        self.seeded = np.random.default_rng(stable("seed", prompt, seed))
        if whim.variety > 0 and self.seeded.random() < whim.variety:
            self.words = self.seeded
        self.things = self._things()
        self.hour = self._hour()
        self.ground = self._ground()
        self.palette = self._palette()
        self.horizon = self._horizon() + (self._seeded() - 0.5) * (0.03 + 0.16 * whim.variety)

    def _seeded(self) -> float:
        return float(self.seeded.random())

    def scene(self) -> Scene:
        reading = self.reading
        figures = self._figures()
        light, source, source_size = self._source(figures)
        change = Change([rgb(COLOURS[name]) for name in _names(self.avoided)])
        figures = [replace(f, colour=change(f.colour), trim=change(f.trim)) for f in figures]
        backdrops = frozenset(thing.kind for thing in reading.layer("backdrop"))
        indoors = "wall" in backdrops or (self.ground == "table" and not backdrops & _LAND_FORMS)
        if not backdrops & _LAND_FORMS and not indoors:
            still = any(f.kind in _STILL_LIFE for f in figures) or self.ground in {"water", "basalt", "sand"}
            backdrops |= {"ridges" if still else "hills"}
        if self.avoided.backdrop("stars") is not None:
            backdrops |= {"starless"}
        backdrops -= {thing.kind for thing in self.avoided.layer("backdrop")}
        return Scene(
            palette=self.palette, hour=self.hour, ground=self.ground, horizon=self.horizon, light=light, source=source,
            source_size=source_size, figures=tuple(figures), weathers=frozenset(reading.weathers), backdrops=backdrops,
            indoors=indoors, known=tuple(thing.kind for thing in reading.things),
        )  # fmt: skip

    def _things(self) -> list[Thing]:
        """The nouns to be drawn; for words nobody here knows, an abstract form that is theirs alone."""
        reading = self.reading
        things = reading.layer("figure")
        if not things and not reading.layer("backdrop") and not (reading.layer("ground") and not reading.unknown):
            things = [Thing(ABSTRACT[stable("form", self.prompt) % len(ABSTRACT)], "figure")]
        for this, following in itertools.pairwise(things):
            if "below" in this.places and not following.places:
                following.places.add("above")
        plain = {thing.kind for thing in things} if not any(thing.colours for thing in things) else set()
        if len(plain) == 1 and plain & _OF_ANY_COLOUR and len(reading.colours) == 1:
            things[0].colours = list(reading.colours)  # `three tulips, pink`
        return things

    def _hour(self) -> str:
        reading = self.reading
        if reading.hour is not None:
            return reading.hour
        if reading.backdrop("moon") is not None or reading.backdrop("crescent") is not None:
            return "moonlit"
        if reading.backdrop("stars") is not None:
            return "night"
        if "storm" in reading.weathers:
            return "blue"
        return str(self.words.choice(["dawn", "morning", "golden", "dusk", "noon"]))

    def _ground(self) -> str:
        named = self.reading.layer("ground")
        if named:
            return named[-1].kind
        kinds = {thing.kind for thing in self.things}
        for ground, homes in _GROUND_OF.items():
            if kinds & homes:
                return ground
        if "flurry" in self.reading.weathers:
            return "snow"
        if self.reading.backdrop("city") is not None:
            return "water"
        if self.reading.backdrop("mountain") is not None:
            return str(self.words.choice(["water", "grass"]))
        choices = ["water", "sand", "snow", "stone"] if not self.reading.layer("figure") else ["sand", "grass", "stone"]
        return str(self.words.choice(choices))

    def _palette(self) -> Palette:
        reading, whim = self.reading, self.whim
        palette = tinted(for_hour(self.hour, self.ground), [rgb(COLOURS[name]) for name in reading.colours])
        for thing in reading.things:
            named = [rgb(COLOURS[name]) for name in thing.colours]
            if thing.kind in {"sky", "wall"}:
                palette = skyward(palette, named)
            elif thing.kind == "light" and named:
                palette = replace(
                    palette,
                    light=mix(named[0], (1.0, 1.0, 1.0), 0.35),
                    veil=named[0],
                    low=mix(palette.low, named[0], 0.4),
                )
            elif thing.layer == "ground":
                palette = grounded(palette, named)
        if self.ground == "table" and not reading.colours and reading.backdrop("wall") is None:
            palette = replace(palette, zenith=mix(palette.zenith, mix(_PLASTER, palette.shade, 0.35), 0.5),
                              middle=mix(palette.middle, _PLASTER, 0.5), low=mix(palette.low, _PLASTER, 0.25))  # fmt: skip
        if whim.tints:
            palette = blended(palette, tinted(palette, list(whim.tints)), whim.tint_share)
        if reading.weathers & {"storm", "rain"}:
            grey = (0.3, 0.34, 0.4) if not palette.dark else (0.1, 0.13, 0.19)
            palette = replace(palette, zenith=mix(palette.zenith, grey, 0.45), middle=mix(palette.middle, grey, 0.4),
                              low=mix(palette.low, grey, 0.25))  # fmt: skip
        turn = whim.oddity * (0.25 + 0.5 * self._seeded()) if whim.oddity else 0.0
        return each(palette, Change([rgb(COLOURS[name]) for name in _names(self.avoided)], turn))

    def _horizon(self) -> float:
        frames, base = self.reading.frames, 0.64 if self.ratio < 1.2 else 0.62
        for frame, share in (("low", 0.8), ("high", 0.42), ("close", 0.72), ("wide", 0.68)):
            if frame in frames:
                base = share
        if self.reading.layer("ground") and not self.things and "low" not in frames:
            base -= 0.06
        return base

    def _source(self, figures: list[Figure]) -> tuple[tuple[float, float], str | None, float]:
        """Where the light comes from, what is seen of it, and how large."""
        reading = self.reading
        kind = next((k for k in ("crescent", "moon", "sun") if reading.backdrop(k)), None)
        asked = reading.backdrop(kind) if kind else None
        y = self.horizon * _SUN_HEIGHT[self.hour]
        if kind is None:
            kind = {"moonlit": "moon", "dawn": "sun", "dusk": "sun", "golden": "sun"}.get(self.hour)
        size = 0.056
        if asked is not None:
            y = self.horizon * (0.62 if kind == "sun" and self.hour not in {"noon", "morning"} else 0.34)
            y = self.horizon * 0.24 if "above" in asked.places else self.horizon * 0.9 if "below" in asked.places else y
            size = 0.075 * asked.size * (1.4 if asked.size > 1.2 else 1.0)
        hidden = self.avoided.backdrop(kind) is not None if kind else False
        if hidden or (reading.weathers & {"storm", "rain"} and asked is None):
            kind = None
        return (self._source_column(asked, figures), y), kind, size

    def _source_column(self, asked: Thing | None, figures: list[Figure]) -> float:
        """Where it was asked for; else beside the figures, so that it is not hidden behind them."""
        places = asked.places if asked is not None else set()
        for place, column in (("left", 0.2), ("right", 0.8), ("centre", 0.5)):
            if place in places:
                return column
        free = 0.28 + 0.44 * float(self.words.random())
        standing = [f.x for f in figures if f.size > 0.25 and not f.afloat]
        if not standing:
            return free
        middle = sum(standing) / len(standing)
        side = -1.0 if middle > 0.56 or (middle >= 0.44 and self.words.random() < 0.5) else 1.0
        return min(max(middle + side * 0.3, 0.14), 0.86)

    def _figures(self) -> list[Figure]:
        figures: list[Figure] = []
        slots = _slots(self.things)
        for thing, slot in zip(self.things, slots, strict=True):
            colour, trim = self._colours(thing)
            for x, base, size in self._places(thing, slot):
                flip = bool(self.words.random() < 0.5) if thing.count == 1 else self._seeded() < 0.25
                tilt = (self._seeded() - 0.5) * 70 * self.whim.oddity
                afloat = _floats(thing)
                if self.ground == "water" and thing.kind not in _AT_SEA and not afloat and thing.kind != "portrait":
                    rock = mix((0.2, 0.2, 0.23), self.palette.near, 0.35)
                    figures.append(
                        Figure(kind="rock", x=x, base=base + 0.05 * size, size=size * 0.24, colour=rock, trim=rock)
                    )
                figures.append(Figure(kind=thing.kind, x=x, base=base, size=size, colour=colour, trim=trim, flip=flip,
                                      metal=thing.metal, afloat=afloat, tilt=tilt))  # fmt: skip
        return sorted(figures, key=lambda f: f.base - (0.051 * f.size / 0.24 if f.kind == "rock" else 0.0))

    def _colours(self, thing: Thing) -> tuple[Colour, Colour]:
        palette, named = self.palette, [rgb(COLOURS[name]) for name in thing.colours]
        default = (
            rgb(DEFAULT_COLOURS[thing.kind]) if thing.kind in DEFAULT_COLOURS else mix(palette.veil, palette.shade, 0.3)
        )
        main = named[0] if named else default
        if len(named) > 1:
            return main, named[1]
        if thing.kind in TRIM_COLOURS:
            return main, rgb(TRIM_COLOURS[thing.kind])
        contrast = palette.veil2 if abs(luma(palette.veil2) - luma(main)) > 0.18 else palette.veil
        return main, mix(contrast, main, 0.25) if named and self.words.random() < 0.5 else mix(
            main, (0.96, 0.93, 0.86), 0.55
        )

    def _places(self, thing: Thing, slot: float) -> list[tuple[float, float, float]]:
        """Column, base line and size for each copy of a thing."""
        jitter = 0.02 + 0.24 * self.whim.variety
        frames = self.reading.frames
        size = (
            _SHARE_OF_HEIGHT.get(thing.kind, 0.56) * thing.size * {1: 1.0, 2: 0.86, 3: 0.74}.get(len(self.things), 0.62)
        )
        size *= 1.45 if "close" in frames else 0.66 if "wide" in frames else 1.0
        size *= 1 + (self._seeded() - 0.5) * jitter
        size *= 0.72 if "behind" in thing.places else 1.0
        room = (
            1.5
            if thing.kind == "portrait"
            else 0.9
            if len(self.things) == 1 or thing.places & {"above", "below", "over"}
            else 0.96 / len(self.things)
        )
        size = min(size, 0.9, room / self._span(thing.kind) if thing.count == 1 else 0.9)
        base = self._base(thing, size)
        x = slot + (self._seeded() - 0.5) * jitter
        if thing.count == 1:
            return [(self._framed(x, thing.kind, size), base, size)]
        n, spread = thing.count, min(0.84, 0.24 * thing.count) * (0.6 if thing.places & {"left", "right"} else 1.0)
        one = size * max(0.36, 1.12 - 0.13 * n) * (1.0 if self.ratio >= 0.9 else 0.86)
        out = []
        for k in range(n):
            share = (k + 0.5) / n - 0.5
            sway = 0.0 if thing.row else self._seeded() - 0.5
            depth = 0.0 if thing.row else ((k * 5 + 2) % n) / n - 0.5
            lift = depth * (0.34 if _floats(thing) else 0.5 * (1 - self.horizon))
            large = one * (1 + 0.5 * depth)
            column = self._framed(x + share * spread + sway * spread / n * 0.5, thing.kind, large)
            out.append((column, base + lift + sway * 0.04, large))
        return out

    def _framed(self, x: float, kind: str, size: float) -> float:
        """The column, moved as far as the whole figure needs to be in the picture."""
        edge = min(size * self._span(kind) / 2 + 0.02, 0.5)
        return min(max(x, edge), 1 - edge)

    def _span(self, kind: str) -> float:
        """The share of the picture's width that a figure of size 1 takes."""
        return 2 * _BREADTH[kind] * min(1 / self.ratio, 1.3)

    def _base(self, thing: Thing, size: float) -> float:
        horizon, below = self.horizon, 1 - self.horizon
        if _floats(thing):
            low = min(horizon * 0.62 + size * 0.3, horizon - 0.02)
            return max(low - (0.08 if "above" in thing.places else 0.0), size * 0.98)
        if thing.kind == "portrait":
            return 1.01
        if "behind" in thing.places:
            return horizon + 0.12 * below
        if thing.places & {"below", "front"}:
            return horizon + 0.8 * below
        if thing.kind in _AT_SEA | {"lighthouse"}:
            return horizon + 0.34 * below
        return horizon + (0.56 if size > 0.3 else 0.4) * below


def _names(reading: Reading) -> list[str]:
    return reading.colours + [name for thing in reading.things for name in thing.colours]


def _floats(thing: Thing) -> bool:
    return (thing.kind in AFLOAT or "above" in thing.places) and not thing.places & {"below", "front"}


def _slots(things: list[Thing]) -> list[float]:
    """A column for each thing; places asked for win, and what is above something shares its column."""
    free = {1: [0.5], 2: [0.33, 0.69], 3: [0.5, 0.22, 0.79]}.get(len(things), [0.5, 0.2, 0.8, 0.35, 0.66])
    sides = {"left": 0.26, "right": 0.74, "centre": 0.5}
    slots = [next((sides[p] for p in sides if p in t.places), free[i % len(free)]) for i, t in enumerate(things)]
    for index in range(1, len(things)):
        pair = things[index - 1].places | things[index].places
        if pair & {"above", "below", "over"} and not pair & {"left", "right"}:
            slots[index] = slots[index - 1] = (slots[index] + slots[index - 1]) / 2
        elif abs(slots[index] - slots[index - 1]) < 0.05:
            moved = index if not things[index].places & {"left", "right"} else index - 1
            slots[moved] = 1 - slots[moved]
    return slots
