"""Whether what was decided about is what was asked for: by the receipt's own words, and by the request itself where its
owner opens it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from triptych.network.evidence import Line, Opening
from triptych.network.receipt import commitment, inputs_of, own_inputs
from triptych.spec.image import Size
from triptych.spec.sizing import resolution_side

_LISTED = 40  # input pictures that a receipt lists at most
_SIDE = 1024  # what is counted with where no size was asked for
_TEXT = 200  # bytes of a text in a receipt
_SAID = ("n", "size", "aspect_ratio", "resolution", "quality", "seed", "background", "output_format", "output_compression",
         "moderation", "input_fidelity", "previews", "task")  # fmt: skip
TERMS: Mapping[str, Any] = {
    "lane_floor": None, "max_price_micro_usd": None, "other_models": False, "no_training": False,
    "max_retention_days": None, "regions": [], "no_community": False,
}  # fmt: skip
"""The user's own conditions as features of a decision, and what stands for none."""


def asked_line(payload: Mapping[str, Any]) -> Line:
    """What the receipt says was asked for, against what it says was decided about."""
    what, asked, features = "asked", payload.get("asked"), (payload.get("decision") or {}).get("features")
    if not features or not isinstance(asked, dict) or not isinstance(features, dict):
        return Line(what, "not checked", "Nothing says what was decided about.")
    wrong = _unlike(asked, features, own_inputs(payload))
    if wrong:
        return Line(what, "FALSE", f"It was decided about something else than was asked for: {'; '.join(wrong)}.")
    model, n = features.get("model"), features.get("n", 1)
    return Line(what, "proved", f"What was decided about is what was asked for: model {model}, number {n}, and the same size, "
                "quality and input pictures.")  # fmt: skip


def _unlike(asked: Mapping[str, Any], features: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    found = {
        "model": (asked.get("model"), _cut(features.get("model"))),
        "n": (asked.get("n", 1), features.get("n", 1)),
        "megapixels_x100": (_megapixels(asked), features.get("megapixels_x100", 100)),
        "quality": (asked.get("quality") or "auto", _cut(features.get("quality", "auto"))),
    }
    if len(inputs) < _LISTED:
        masks = sum(one.get("role") == "mask" for one in inputs)
        pictures = len(inputs) - masks
        found["input_images"] = (pictures, features.get("input_images", 0))
        found["mask"] = (masks > 0, features.get("mask", False))
        found["operation"] = (asked.get("task") or ("edit" if pictures else "generate"), features.get("operation"))
    return [f"{name} {_say(is_)} and not {_say(decided)}" for name, (is_, decided) in found.items() if is_ != decided]


def _megapixels(asked: Mapping[str, Any]) -> int | None:
    """In hundredths, as `triptych.router.features` has them; None for a size that is none."""
    size, resolution = asked.get("size"), asked.get("resolution")
    if size is None:
        side = resolution_side(resolution) if isinstance(resolution, str) and resolution else _SIDE
        return side * side // 10_000
    try:
        return Size.parse(str(size)).pixels // 10_000
    except ValueError:
        return None


def _cut(value: object) -> object:
    return value.encode()[:_TEXT].decode(errors="ignore") if isinstance(value, str) else value


def _say(value: object) -> str:
    """A value in words that are the same in every language."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def request_line(payload: Mapping[str, Any], opening: bytes | None) -> Line:
    """The opening: that it is the one that the receipt is committed to, and that what it says is what the receipt says."""
    what = "request"
    if opening is None:
        return Line(what, "not checked", "What was asked for: its owner can open it with --opening.")
    try:
        raw = msgspec.json.decode(opening, type=Opening)
        same = commitment(bytes.fromhex(raw.salt), what, raw.request.encode()) == payload["commitments"].get(what)
    except (msgspec.MsgspecError, ValueError):
        return Line(what, "FALSE", "The opening cannot be read.")
    if not same:
        return Line(what, "FALSE", "The opening is not that of this receipt.")
    try:
        request = msgspec.json.decode(raw.request)
    except (msgspec.DecodeError, RecursionError):
        request = None
    if not isinstance(request, dict):
        return Line(what, "FALSE", "What the receipt is committed to is no request.")
    wrong = [*_other_request(payload, request), *_other_terms(payload, request)]
    if wrong:
        return Line(
            what,
            "FALSE",
            f"The receipt says something else than the request that it is committed to: {'; '.join(wrong)}.",
        )
    return Line(
        what, "proved", f"The opening is what the receipt is committed to, word for word. {_conditions(request)}"
    )


def _other_request(payload: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    asked = payload.get("asked") or {}
    names = [*(["model"] if "model" in request else []), *_SAID]
    wrong = [name for name in names if _cut(request.get(name)) != asked.get(name)]
    given = [(one.get("sha256"), role) for one, role in inputs_of(request)[:_LISTED]]
    stated = [(one.get("sha256"), one.get("role")) for one in payload.get("inputs", ())]
    return [*wrong, *(["inputs"] if given != stated else [])]


def _other_terms(payload: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    """The user's conditions against the features and the dice of the decision."""
    terms, decision = request.get("terms"), payload.get("decision")
    if not isinstance(terms, dict) or not isinstance(decision, dict):
        return []
    features = decision.get("features") or {}
    wrong = [
        f"{name} was {_say(terms.get(name, none))}, and it was decided by {_say(features.get(name, none))}"
        for name, none in TERMS.items() if terms.get(name, none) != features.get(name, none)
    ]  # fmt: skip
    if "nonce" in terms and (_cut(terms["nonce"]), "client") != (decision.get("nonce"), decision.get("nonce_from")):
        wrong.append("the dice were given by the caller, and others were thrown")
    if terms.get("hedge") is not True and any(
        (one.get("events") or {}).get("hedge") for one in payload.get("attempts", ())
    ):
        wrong.append("a second request was sent, and nobody allowed it")
    return wrong


def _conditions(request: Mapping[str, Any]) -> str:
    terms = request.get("terms")
    if not isinstance(terms, dict):
        return "It is from before conditions were committed to, so that those are not checked."
    names = (*TERMS, "nonce", "hedge")
    said = [f"{name} {_say(terms[name])}" for name in names if name in terms]
    return f"Conditions in it: {', '.join(said) or 'none'}."
