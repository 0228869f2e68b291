"""From a request to what a painter is asked for: size, seed, settings, pictures; with a record of every feature."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from triptych.provider_kit.fit import Fit, resolution_side, size_allowed
from triptych.providers.demo.rehearsal import part
from triptych.providers.demo.scene import Whim, stable
from triptych.providers.demo.unread import not_drawn
from triptych.spec.errors import BadRequestError
from triptych.spec.image import Adjustment, AspectRatio, ImageRequest, InputImage, Size
from triptych.spec.json import Json
from triptych.spec.model import ModelCard, SizeRule

DEFAULT_SIZE = Size(1024, 1024)
_RANGES = {"stylize": (0.0, 1000.0), "chaos": (0.0, 100.0), "weird": (0.0, 3000.0), "iw": (0.0, 3.0)}
_DEFAULTS = {"stylize": 100.0, "chaos": 0.0, "weird": 0.0, "iw": 1.0}
_MEDIA = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """One call, settled. `size` is None for an edit that keeps the size of its picture. `seeds` has one for each
    picture. `words` is the prompt as the painter reads it, `avoided` what it keeps out; `part` is what the painter plays
    (see `rehearsal`), None when it only paints."""

    words: str
    avoided: str | None
    size: Size | None
    seeds: tuple[int, ...]
    whim: Whim
    media_type: str
    quality: int | None
    previews: bool
    source: InputImage | None
    mask: InputImage | None
    references: tuple[InputImage, ...]
    adjustments: tuple[Adjustment, ...]
    knobs: Mapping[str, float]
    part: str | None

    def parameters(self, model: str) -> Mapping[str, Json]:
        """What is handed to the painter, as plain values; pictures by their hash."""
        return {
            "model": model, "prompt": self.words, "avoid": self.avoided, "size": str(self.size) if self.size else None,
            "seeds": list(self.seeds), "knobs": dict(self.knobs), "format": self.media_type, "quality": self.quality,
            "edit": self.source.sha256 if self.source else None, "mask": self.mask.sha256 if self.mask else None,
            "references": [image.sha256 for image in self.references],
        }  # fmt: skip


def settle(request: ImageRequest, card: ModelCard) -> Commission:
    """Everything about one request. Pure. Raises BadRequestError for what cannot be painted at all."""
    fit = Fit(request, card)
    words = fit.prompt()
    avoided = fit.negative_prompt()
    if request.parts:
        words, avoided = _weighed(fit, words, avoided)
    if strange := not_drawn(words):
        fit.record("prompt", "unsupported", f"not drawn: {', '.join(strange)}; this painter knows some hundred words")
    count = fit.count()
    first = request.seed if request.seed is not None else stable("seed", request.prompt) % (1 << 31)
    fit.seed()
    images = fit.images()
    source = next((image for image in images if image.role == "edit"), None)
    if len(images) > (source is not None):
        fit.record("roles", "emulated", "of pictures that are not to be changed the main colours are taken")
    mask = fit.mask()
    if mask is not None and source is None:
        raise BadRequestError("A mask needs the picture that it belongs to.", param="mask", provider=card.provider,
                              hint="Give the picture as the one to edit.")  # fmt: skip
    size = _size(fit) if source is None or _asks_for_size(request) else None
    knobs = _knobs(fit)
    media_type, quality = _format(fit, masked=mask is not None)
    fit.choice("background", card.capabilities.backgrounds, {"auto": "opaque"})
    fit.native("previews")
    played = part(fit)
    return Commission(
        words=words, avoided=avoided, size=size, seeds=tuple((first + i) % (1 << 32) for i in range(count)), whim=_whim(knobs),
        media_type=media_type, quality=quality, previews=request.previews > 0, source=source, mask=mask,
        references=tuple(image for image in images if image is not source), adjustments=fit.done(), knobs=knobs, part=played,
    )  # fmt: skip


def _asks_for_size(request: ImageRequest) -> bool:
    return request.size is not None or request.aspect_ratio is not None or request.resolution is not None


def _weighed(fit: Fit, words: str, avoided: str | None) -> tuple[str, str | None]:
    """Heavier ideas are read first, ideas below zero are kept out."""
    parts = sorted(fit.request.parts, key=lambda part: -part.weight)
    kept = [part.text for part in parts if part.weight > 0]
    out = [part.text for part in parts if part.weight < 0]
    fit.record("parts", "emulated", "heavier parts are read first, parts below zero are kept out of the picture")
    return ", ".join(kept) or words, ", ".join([*([avoided] if avoided else []), *out]) or None


def _size(fit: Fit) -> Size:
    """Exactly the shape that was asked for, where whole pixels allow it."""
    request, rule = fit.request, fit.card.capabilities.size_rule
    chosen = fit.size(default=DEFAULT_SIZE) or DEFAULT_SIZE
    if request.size is None and request.aspect_ratio is not None and rule is not None:
        side = resolution_side(request.resolution or fit.card.capabilities.default_resolution or "1k")
        exact = _exact(request.aspect_ratio, side * side, rule)
        if exact is not None:
            fit.record("aspect_ratio", "native", f"painted as {exact}")
            chosen = exact
    return chosen


def _exact(ratio: AspectRatio, pixels: int, rule: SizeRule) -> Size | None:
    """The largest size of exactly that shape with at most so many pixels whose scale is a multiple of 8."""
    scale = int(math.sqrt(pixels / (ratio.width * ratio.height))) // 8 * 8
    size = Size(ratio.width * scale, ratio.height * scale)
    return size if scale and size_allowed(rule, size) else None


def _knobs(fit: Fit) -> dict[str, float]:
    values = dict(_DEFAULTS)
    for name, (low, high) in _RANGES.items():
        asked = fit.request.knobs.get(name)
        if asked is None:
            continue
        if isinstance(asked, bool) or not isinstance(asked, int | float) or not math.isfinite(asked):
            raise BadRequestError(f"{name} is a number from {low:g} to {high:g}, not {asked!r}.", param=name,
                                  provider=fit.card.provider)  # fmt: skip
        values[name] = min(max(float(asked), low), high)
        if values[name] == asked:
            fit.record(name, "native", "painted as asked")
        else:
            fit.record(name, "adjusted", f"asked for {asked:g}, painted with {values[name]:g}")
    if "iw" in fit.request.knobs and not fit.request.images:
        fit.record("iw", "unsupported", "there is no picture to weigh")
    return values


def _whim(knobs: Mapping[str, float]) -> Whim:
    stylize = knobs["stylize"]
    strength = 0.12 + 0.38 * stylize / 100 if stylize <= 100 else 0.5 + 0.5 * (stylize - 100) / 900
    return Whim(strength=strength, variety=knobs["chaos"] / 100, oddity=min(1.0, knobs["weird"] / 3000) ** 0.7,
                tint_share=min(1.0, 0.5 * knobs["iw"]))  # fmt: skip


def _format(fit: Fit, *, masked: bool) -> tuple[str, int | None]:
    name = fit.choice("output_format", fit.card.capabilities.output_formats) or "png"
    asked = fit.request.output_compression
    if asked is not None:
        if name == "png":
            fit.record("output_compression", "unsupported", "PNG keeps every pixel; compression is for JPEG and WebP")
        else:
            fit.native("output_compression")
    if masked and name == "jpeg":
        fit.record("mask", "adjusted", "JPEG changes pixels outside the mask a little; PNG and WebP keep them exactly")
    return _MEDIA[name], asked if name != "png" else None


def tinted(whim: Whim, tints: tuple[tuple[float, float, float], ...]) -> Whim:
    """The same whim with colours taken from reference pictures."""
    return replace(whim, tints=tints)


def as_text(parameters: Mapping[str, Json]) -> str:
    """The parameters as the text that is kept in the record of the call."""
    return json.dumps(parameters, ensure_ascii=False, sort_keys=True)
