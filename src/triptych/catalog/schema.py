"""The shape of a model-card file, and how its tables become cards.

The table of a capability list is made from `spec.model.Capabilities` itself, so that the two cannot drift apart. The
page docs/reference/model-cards.md shows an annotated file.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_type_hints

import msgspec

from triptych.spec.image import AspectRatio, Size
from triptych.spec.model import Capabilities, Lane, ModelCard, PolicyFact, PriceLine, PriceUnit, SizeRule

_PER_TOKEN: frozenset[PriceUnit] = frozenset(
    {"input_text_token", "input_image_token", "output_image_token", "output_text_token"}
)
WHEN_KEYS = ("resolution", "size", "quality", "operation", "background", "max_megapixels")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9._:-]*")


class BadValueError(ValueError):
    """One field of a file is wrong; `field` is its name inside its table."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _strict(cls: type, name: str, **replaced: Any) -> Any:
    """A struct with the fields of a dataclass that refuses any other."""
    hints = get_type_hints(cls) | replaced
    made: list[Any] = [
        (f.name, hints[f.name]) if f.default is MISSING else (f.name, hints[f.name], f.default) for f in fields(cls)
    ]
    return msgspec.defstruct(name, made, forbid_unknown_fields=True, frozen=True, kw_only=True)


_SizeRuleTable = _strict(SizeRule, "SizeRuleTable")
_CapabilitiesTable = _strict(Capabilities, "CapabilitiesTable", size_rule=_SizeRuleTable | None)


class PriceTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[model.price]]`: one of `usd` (per unit) and `usd_per_million` (per million units, for tokens)."""

    unit: PriceUnit
    usd: str | None = None
    usd_per_million: str | None = None
    when: dict[str, str] = {}
    source: str
    as_of: str


class PolicyTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[policy]]` of the file, or `[[model.policy]]` of one model."""

    topic: Literal["training", "retention", "publication", "region", "readers"]
    statement: str
    source: str
    as_of: str
    value: str | None = None


class ModelTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[model]]`: a ModelCard without what the file says once for all of them."""

    id: str
    name: str
    family: str
    maker: str
    provider_model_id: str | None = None
    lane: Lane | None = None
    capabilities: Any = msgspec.field(default_factory=dict)
    price: list[PriceTable] = []
    policy: list[PolicyTable] = []
    free: bool = False
    typical_seconds: tuple[int, int] | None = None
    license: str | None = None
    is_ai: bool = True
    note: str | None = None
    retires: str | None = None
    successors: tuple[str, ...] | None = None
    extra: dict[str, Any] = {}


class FileTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A whole file: one provider."""

    provider: str
    provider_name: str = ""
    lane: Lane
    policy: list[PolicyTable] = []
    model: list[ModelTable] = []


def capabilities(table: Any) -> Capabilities:
    """Raises msgspec.ValidationError or BadValueError."""
    read = msgspec.convert(table, _CapabilitiesTable)
    values: dict[str, Any] = {f.name: getattr(read, f.name) for f in fields(Capabilities)}
    if read.size_rule is not None:
        values["size_rule"] = SizeRule(**{f.name: getattr(read.size_rule, f.name) for f in fields(SizeRule)})
    made = Capabilities(**values)
    _check_words(made)
    _check_numbers(made)
    return made


def _check_words(caps: Capabilities) -> None:
    for name, texts, parse in (
        ("sizes", caps.sizes, Size.parse),
        ("aspect_ratios", tuple(t for t in caps.aspect_ratios if t != "auto"), AspectRatio.parse),
    ):
        for text in texts:
            try:
                parse(text)
            except ValueError as error:
                raise BadValueError(name, str(error)) from error
    for name, default, offered in (
        ("default_resolution", caps.default_resolution, caps.resolutions),
        ("default_quality", caps.default_quality, caps.qualities),
    ):
        if default is not None and default not in offered:
            raise BadValueError(name, f"{default!r} is not in the list that the card offers: {', '.join(offered)}")
    if caps.aspect_ratios == ("auto",):
        raise BadValueError("aspect_ratios", "auto alone is no shape; leave the list empty")
    if not caps.operations:
        raise BadValueError("operations", "a model must be able to do something")


def _check_numbers(caps: Capabilities) -> None:
    if caps.max_images_per_call < 1:
        raise BadValueError("max_images_per_call", "at least 1")
    if caps.max_input_images < 0:
        raise BadValueError("max_input_images", "not below 0")
    if set(caps.operations) - {"generate"} and caps.max_input_images == 0:
        raise BadValueError("max_input_images", "a model that edits, or does a task, takes at least 1 picture")
    rule = caps.size_rule
    if rule is None:
        return
    if rule.multiple < 1 or not 0 < rule.min_side <= rule.max_side:
        raise BadValueError("size_rule", "multiple is at least 1, and 0 < min_side <= max_side")
    if rule.max_short_side < rule.min_side:
        raise BadValueError("size_rule", "max_short_side is at least min_side")
    if not (0 <= rule.min_pixels <= rule.max_pixels and 0 < rule.min_ratio <= rule.max_ratio):
        raise BadValueError("size_rule", "0 <= min_pixels <= max_pixels and 0 < min_ratio <= max_ratio")


def iso_date(field: str, text: str) -> str:
    """Raises BadValueError for anything but `2026-11-20`."""
    try:
        parsed = date.fromisoformat(text)
    except ValueError as error:
        raise BadValueError(field, f"{text!r} is not a date like 2026-11-20") from error
    if parsed.isoformat() != text:
        raise BadValueError(field, f"{text!r} is not a date like 2026-11-20")
    return text


def _sourced(source: str) -> str:
    if not source.strip():
        raise BadValueError("source", "where was it read? A page and its section will do")
    return source


def _millionths(table: PriceTable) -> int:
    """Micro-dollars per million units."""
    if (table.usd is None) == (table.usd_per_million is None):
        raise BadValueError("usd", "give exactly one of usd and usd_per_million")
    field, text, factor = ("usd", table.usd, 10**12) if table.usd is not None else (
        "usd_per_million", table.usd_per_million, 10**6,
    )  # fmt: skip
    if field == "usd_per_million" and table.unit not in _PER_TOKEN:
        raise BadValueError(field, f"is for tokens; a price per {table.unit} is written as usd")
    try:
        amount = Decimal(text or "")
    except InvalidOperation as error:
        raise BadValueError(field, f'{text!r} is not a decimal number like "0.067"') from error
    if not amount.is_finite() or amount <= 0:
        raise BadValueError(field, f"{text!r} is not above zero; a model without a price is `free = true`")
    millionths = amount * factor
    if millionths != millionths.to_integral_value():
        raise BadValueError(field, f"{text!r} has more digits than can be counted in")
    return int(millionths)


def price_line(table: PriceTable) -> PriceLine:
    """Raises BadValueError."""
    for key, value in table.when.items():
        if key not in WHEN_KEYS:
            raise BadValueError("when", f"{key!r} is not one of {', '.join(WHEN_KEYS)}")
        if key == "size":
            try:
                Size.parse(value)
            except ValueError as error:
                raise BadValueError("when", str(error)) from error
        if key == "max_megapixels":
            try:
                positive = Decimal(value) > 0
            except InvalidOperation:
                positive = False
            if not positive:
                raise BadValueError("when", f'max_megapixels is a decimal number like "2.61", not {value!r}')
    return PriceLine(
        unit=table.unit,
        micro_usd_per_million=_millionths(table),
        when=table.when,
        source=_sourced(table.source),
        as_of=iso_date("as_of", table.as_of),
    )


_FACTS = {
    "training": re.compile("no|yes"),
    "retention": re.compile("[0-9]{1,5}"),
    "region": re.compile(r"\S(.{0,62}\S)?"),
}
_NO_WORD = re.compile("(?!)")


def policy_fact(table: PolicyTable) -> PolicyFact:
    """Raises BadValueError."""
    if not table.statement.strip():
        raise BadValueError("statement", "is empty")
    if table.value is not None and not _FACTS.get(table.topic, _NO_WORD).fullmatch(table.value):
        raise BadValueError(
            "value",
            f"{table.value!r}: training takes no or yes, retention a number of days, region a name; other topics take none",
        )
    return PolicyFact(
        topic=table.topic,
        statement=table.statement,
        source=_sourced(table.source),
        as_of=iso_date("as_of", table.as_of),
        value=table.value,
    )


def check_provider(name: str) -> str:
    """Raises BadValueError."""
    if not _NAME.fullmatch(name):
        raise BadValueError("provider", f"{name!r}: lower-case letters, digits, - and _ only")
    return name


def card(
    table: ModelTable,
    *,
    file: FileTable,
    policy: tuple[PolicyFact, ...],
    prices: tuple[PriceLine, ...],
    caps: Capabilities,
) -> ModelCard:
    """The card of one `[[model]]` table whose inner tables have been read. Raises BadValueError."""
    if not _MODEL_NAME.fullmatch(table.id):
        raise BadValueError("id", f"{table.id!r}: lower-case letters, digits and . _ - : only, without the provider")
    for field in ("name", "family", "maker"):
        if not getattr(table, field).strip():
            raise BadValueError(field, "is empty")
    if table.free and prices:
        raise BadValueError("free", "a free model has no price lines")
    seconds = table.typical_seconds
    if seconds is not None and not 0 <= seconds[0] <= seconds[1]:
        raise BadValueError("typical_seconds", "two numbers, the usual and the slow case, e.g. [8, 20]")
    extra: Mapping[str, Any] = table.extra
    return ModelCard(
        id=f"{file.provider}/{table.id}",
        provider=file.provider,
        provider_model_id=table.provider_model_id or table.id,
        family=table.family,
        name=table.name,
        maker=table.maker,
        lane=table.lane or file.lane,
        provider_name=file.provider_name,
        capabilities=caps,
        prices=prices,
        free=table.free,
        policy=policy,
        typical_seconds=seconds,
        license=table.license,
        is_ai=table.is_ai,
        note=table.note,
        retires=iso_date("retires", table.retires) if table.retires is not None else None,
        successors=table.successors,
        extra=extra,
    )
