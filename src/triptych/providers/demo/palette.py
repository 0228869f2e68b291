"""Colours of a picture: those of the hour, drawn towards the ones that the prompt names."""

import colorsys
from dataclasses import dataclass, replace

from triptych.providers.demo.field import Colour, luma, mix, rgb


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """`zenith`, `middle` and `low` are the sky from above to the horizon; `light` is the source; `near` and `far` the
    ground; `veil` and `veil2` two accents; `shade` is what shadows turn to. `dark` for a night."""

    zenith: Colour
    middle: Colour
    low: Colour
    light: Colour
    near: Colour
    far: Colour
    veil: Colour
    veil2: Colour
    shade: Colour
    dark: bool = False


HOUR_COLOURS: dict[str, tuple[str, str, str, str, str, str]] = {
    # zenith, middle, low, light, veil, veil2
    "dawn": ("37517e", "a88fae", "ffc59a", "ffdcae", "ff9f8a", "86d0d0"),
    "morning": ("4f93c8", "a7d0e2", "f7ebd0", "fff3d0", "ffd58a", "7cc8d8"),
    "noon": ("1f6fb8", "6fb6de", "d9eef2", "fffbe8", "b8f0e4", "fff0b0"),
    "golden": ("4a5a8c", "c98a7a", "ffc56a", "ffd98a", "ff8f4a", "ffd76a"),
    "dusk": ("1d2152", "71407c", "f58a64", "ffb482", "ff5f8a", "6a8cff"),
    "blue": ("0d1a44", "25468a", "8fa4d0", "ffe2b4", "5fc0ff", "b48aff"),
    "night": ("040818", "0d1d40", "244a6e", "e4ecff", "48e6a4", "7a6cff"),
    "moonlit": ("050b1e", "15305a", "4a7ba0", "eef4ff", "7ad8ff", "b0a0ff"),
}

GROUND_COLOURS: dict[str, str] = {
    "basalt": "2b2e36", "stone": "7c7a78", "sand": "dcb98a", "water": "1d5a74", "snow": "e8eef6", "grass": "5a8340",
    "table": "9c5c2e", "plain": "5c564e",
}  # fmt: skip


def for_hour(hour: str, ground: str) -> Palette:
    """The palette of an hour over a ground, before the prompt's own colours."""
    zenith, middle, low, light, veil, veil2 = (rgb(text) for text in HOUR_COLOURS[hour])
    dark = hour in {"night", "moonlit", "blue"}
    base = rgb(GROUND_COLOURS[ground])
    ambient = mix(middle, light, 0.4)
    lit = tuple(b * (0.5 + 0.3 * a + 0.2 * luma(ambient)) for b, a in zip(base, ambient, strict=True))
    near: Colour = (lit[0], lit[1], lit[2])
    near = mix(near, zenith, 0.4 if dark else 0.12)
    return Palette(zenith=zenith, middle=middle, low=low, light=light, near=near, far=mix(near, low, 0.24 if ground == "basalt" else 0.45), veil=veil,
                   veil2=veil2, shade=mix(zenith, (0.03, 0.03, 0.07), 0.65), dark=dark)  # fmt: skip


def tinted(palette: Palette, names: list[Colour]) -> Palette:
    """The colours that were said about the whole picture: the first takes the horizon and the accents, the second the
    height of the sky, the third the ground."""
    if not names:
        return palette
    first = names[0]
    second = names[1] if len(names) > 1 else mix(first, palette.zenith, 0.45)
    top, low = sorted((first, second), key=luma) if len(names) > 1 else (second, first)
    palette = replace(
        palette,
        zenith=mix(palette.zenith, _towards(palette.zenith, top), 0.8),
        middle=mix(palette.middle, mix(top, low, 0.5), 0.68),
        low=mix(palette.low, low, 0.66),
        light=mix(palette.light, low, 0.25),
        veil=mix(first, (1.0, 1.0, 1.0), 0.12),
        veil2=second,
    )
    ground = names[2] if len(names) > 2 else first
    return replace(palette, far=mix(palette.far, ground, 0.3), near=mix(palette.near, ground, 0.22))


def _towards(base: Colour, wanted: Colour) -> Colour:
    """A wanted hue at about the lightness of the colour it replaces."""
    have, need = luma(wanted), (luma(base) * 2 + luma(wanted)) / 3
    scale = need / have if have > 0.02 else 1.0
    return min(1.0, wanted[0] * scale), min(1.0, wanted[1] * scale), min(1.0, wanted[2] * scale)


def skyward(palette: Palette, names: list[Colour]) -> Palette:
    """A sky, wall or background of a named colour."""
    if not names:
        return palette
    top = names[1] if len(names) > 1 else mix(names[0], (0.0, 0.0, 0.0), 0.22)
    return replace(palette, zenith=top, middle=mix(top, names[0], 0.6), low=mix(names[0], palette.light, 0.3),
                   veil=mix(names[0], palette.light, 0.4))  # fmt: skip


def grounded(palette: Palette, names: list[Colour]) -> Palette:
    """A ground of a named colour."""
    if not names:
        return palette
    return replace(palette, near=mix(names[0], palette.shade, 0.25), far=mix(names[0], palette.low, 0.3))


def shifted(colour: Colour, turn: float) -> Colour:
    """The hue turned by a share of the whole circle."""
    hue, light, saturation = colorsys.rgb_to_hls(*colour)
    return colorsys.hls_to_rgb((hue + turn) % 1.0, light, saturation)


def each(palette: Palette, change: "Change") -> Palette:
    """The palette with every colour put through a change."""
    return replace(
        palette, zenith=change(palette.zenith), middle=change(palette.middle), low=change(palette.low),
        light=change(palette.light), near=change(palette.near), far=change(palette.far), veil=change(palette.veil),
        veil2=change(palette.veil2), shade=change(palette.shade),
    )  # fmt: skip


def blended(one: Palette, other: Palette, share: float) -> Palette:
    """Two palettes in one."""
    return replace(
        one, zenith=mix(one.zenith, other.zenith, share), middle=mix(one.middle, other.middle, share),
        low=mix(one.low, other.low, share), light=mix(one.light, other.light, share), near=mix(one.near, other.near, share),
        far=mix(one.far, other.far, share), veil=mix(one.veil, other.veil, share), veil2=mix(one.veil2, other.veil2, share),
    )  # fmt: skip


class Change:
    """What `each` applies: turns hues away from those to be avoided, and by a fixed amount."""

    def __init__(self, avoided: list[Colour], turn: float = 0.0) -> None:
        self._avoided = [colorsys.rgb_to_hls(*colour) for colour in avoided]
        self._turn = turn

    def __call__(self, colour: Colour) -> Colour:
        turned = shifted(colour, self._turn) if self._turn else colour
        hue, _, saturation = colorsys.rgb_to_hls(*turned)
        for bad, _, strength in self._avoided:
            apart = abs((hue - bad + 0.5) % 1.0 - 0.5)
            if strength > 0.12 and saturation > 0.1 and apart < 0.12:
                return shifted(turned, 0.3 if (hue - bad) % 1.0 < 0.5 else -0.3)
        return turned
