"""Providers that need no code: hosts that speak the OpenAI Images API, as rows of data.

The rows that come with the program are in `rows.toml` beside this file; a user's own come from the settings.
"""

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from triptych.catalog.load import cards_from_table
from triptych.provider_kit.adapter import Auth
from triptych.provider_kit.openai_images import Edits, OpenAIImages, Quirks, Unread
from triptych.provider_kit.signs import Words
from triptych.spec.errors import SettingsError
from triptych.spec.model import Lane, ModelCard

_UNDATED = "1970-01-01"  # stands for no date while the card is read; it never leaves this file
_OWN_NAMES = (".local", ".lan", ".internal", ".home.arpa", ".localhost")


class QuirksTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`quirks` of a row: see `provider_kit.openai_images.Quirks`. `response_format = "none"` sends no such field."""

    fields: list[str] = []
    response_format: Literal["b64_json", "base64", "url", "none"] = "b64_json"
    size: Literal["size", "width_height", "ratio"] = "size"
    edits: Edits = "repeated"
    user_field: str = "user"
    paths: dict[Literal["generations", "edits", "chat", "check", "list"], str] = {}
    query: dict[str, str] = {}
    constants: dict[str, Any] = {}
    cost_usd: list[str] = []
    mask: Literal["transparent", "white"] = "transparent"
    unread: list[Unread] = []
    count: bool = True
    words: Words = "plain"
    tokens: list[str] = []

    def made(self) -> Quirks:
        """As the dialect takes it."""
        return Quirks(
            fields=frozenset(self.fields), size=self.size, edits=self.edits, user_field=self.user_field,
            response_format=None if self.response_format == "none" else self.response_format,
            paths=dict(self.paths.items()), query=self.query, constants=self.constants, cost_usd=tuple(self.cost_usd),
            mask=self.mask, unread=frozenset(self.unread), count=self.count, words=self.words, tokens=tuple(self.tokens),
        )  # fmt: skip


class RowTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One `[[row]]` of `rows.toml`; `policy` and `model` are those of a card file. With `key_header` the key goes there as it is."""

    provider: str
    provider_name: str = ""
    base_url: str
    lane: Lane = "commercial"
    key_env: list[str] = []
    key_header: str | None = None
    sign_up: str | None = None
    key_pattern: str | None = None
    quirks: QuirksTable = msgspec.field(default_factory=QuirksTable)
    policy: list[dict[str, Any]] = []
    model: list[dict[str, Any]] = []


class OwnModelTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One model of a user's own row. `price_usd` is per picture; 0 is free, left out is unknown. One that draws in a chat
    (`/chat/completions`) has `wire = "chat"`."""

    id: str
    family: str | None = None
    name: str | None = None
    maker: str = "unknown"
    sizes: list[str] = []
    qualities: list[str] = []
    price_usd: float | int | str | None = None
    price_as_of: str | None = None
    edit: bool = False
    mask: bool = False
    max_input_images: int = 1
    max_images_per_call: int = 1
    seed: bool = False
    negative_prompt: bool = False
    previews: bool = False
    aspect_ratios: list[str] = []
    wire: Literal["images", "chat"] = "images"
    license: str | None = None


class OwnRowTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[endpoints.NAME]` of the settings. `like` takes the quirks and the `key_header` of a row that comes with
    the program; `query` is put behind each address instead of that row's. `name` is how it is shown. Without `lane` a host in the user's own network is `local`, and its models without a price are free."""

    base_url: str
    name: str = ""
    key_env: str | None = None
    key_header: str | None = None
    lane: Lane | None = None
    like: str | None = None
    quirks: QuirksTable | None = None
    query: dict[str, str] | None = None
    models: list[OwnModelTable] = []


@dataclass(frozen=True, slots=True)
class Row:
    """A host and the models that are known at it."""

    adapter: OpenAIImages
    cards: tuple[ModelCard, ...]


@cache
def built_in_rows() -> Mapping[str, Row]:
    """Every row that comes with the program, by provider. They are read once. Raises SettingsError when the data file is wrong."""
    text = (resources.files("triptych.providers") / "rows.toml").read_text(encoding="utf-8")
    rows: dict[str, Row] = {}
    for table in tomllib.loads(text).get("row", []):
        where = f"providers/rows.toml, {table.get('provider')!r}"
        row = _convert(table, RowTable, where)
        auth = Auth(env=tuple(row.key_env), required=bool(row.key_env), sign_up=row.sign_up,
                    key_pattern=row.key_pattern, **_header(row.key_header))  # fmt: skip
        adapter = OpenAIImages(provider=row.provider, base_url=row.base_url, auth=auth, quirks=row.quirks.made())
        cards = {
            "provider": row.provider, "provider_name": row.provider_name, "lane": row.lane,
            "policy": row.policy, "model": row.model,
        }  # fmt: skip
        rows[row.provider] = Row(adapter, cards_from_table(cards, where))
    return MappingProxyType(rows)


def row_from_settings(name: str, table: Mapping[str, Any]) -> tuple[OpenAIImages, tuple[ModelCard, ...]]:
    """A user's own host: the adapter and the cards of its models.

    Raises SettingsError naming the table and the field for anything unknown, missing or impossible.
    """
    where = f"the settings, [endpoints.{name}]"
    row = _convert(table, OwnRowTable, where)
    host = _checked_host(row.base_url, where)
    pattern = _row_like(row.like, where)
    quirks = row.quirks.made() if row.quirks else pattern.quirks if pattern else Quirks()
    quirks = quirks if row.query is None else replace(quirks, query=row.query)
    key_env = (row.key_env,) if row.key_env else ()
    lane: Lane = row.lane or ("local" if _is_own(host) else "commercial")
    like = pattern.auth if pattern else Auth()
    placed = {"header": like.header, "prefix": like.prefix} | _header(row.key_header)
    auth = Auth(env=key_env, required=bool(key_env), **placed)
    adapter = OpenAIImages(provider=name, base_url=row.base_url.rstrip("/"), auth=auth, quirks=quirks)
    if not row.models:
        raise SettingsError(f"{where} names no model.", param="models", hint='Add models = [{ id = "…" }].')
    models = [_own_model(model, lane, where) for model in row.models]
    shown = {"provider_name": row.name} if row.name else {}
    cards = cards_from_table({"provider": name, "lane": lane, "model": models, **shown}, where)
    return adapter, tuple(_undated(adapter.as_read(card)) for card in cards)


def _undated(card: ModelCard) -> ModelCard:
    """A price without a date of its own says so by an empty one."""
    return replace(card, prices=tuple(replace(p, as_of="") if p.as_of == _UNDATED else p for p in card.prices))


def _is_zero(price: float | str, where: str) -> bool:
    try:
        return Decimal(str(price)) == 0
    except InvalidOperation as error:
        raise SettingsError(
            f"{where}, field 'price_usd': {price!r} is no number of dollars.", param="price_usd"
        ) from error


def _is_own(host: str) -> bool:
    """Whether a host is on this machine or in the user's own network, by its address or its kind of name."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_OWN_NAMES)


def _own_model(model: OwnModelTable, lane: Lane, where: str) -> dict[str, Any]:
    """The card table of one of the user's models."""
    short = re.sub(r"[^a-z0-9._:-]+", "-", model.id.rpartition("/")[2].lower()).strip("-._:")
    if not short:
        raise SettingsError(f"{where}: {model.id!r} is no name of a model.", param="id")
    caps: dict[str, Any] = {
        "sizes": model.sizes, "qualities": model.qualities, "mask": model.mask, "seed": model.seed,
        "negative_prompt": model.negative_prompt, "previews": model.previews,
        "max_images_per_call": model.max_images_per_call,
    }  # fmt: skip
    if model.edit or model.mask:
        caps |= {"operations": ["generate", "edit"], "max_input_images": max(1, model.max_input_images)}
    caps |= {"aspect_ratios": model.aspect_ratios} if model.aspect_ratios else {}
    if not model.sizes and not model.aspect_ratios and model.wire == "images":
        caps["size_rule"] = {"multiple": 16, "min_side": 256, "max_side": 2048}
    card: dict[str, Any] = {
        "id": short, "provider_model_id": model.id, "family": model.family or short, "name": model.name or model.id,
        "maker": model.maker, "capabilities": caps,
    }  # fmt: skip
    if model.wire == "chat":
        card["extra"] = {"wire": "chat"}
    if model.license is not None:
        card["license"] = model.license
    if model.price_usd is None:
        card["free"] = lane == "local"
    elif _is_zero(model.price_usd, where):
        card["free"] = True
    else:
        card["price"] = [{"unit": "image", "usd": str(model.price_usd), "source": "your settings",
                          "as_of": model.price_as_of or _UNDATED}]  # fmt: skip
    return card


def _header(name: str | None) -> dict[str, str]:
    """Where a key goes instead of behind `Authorization: Bearer`."""
    return {} if name is None else {"header": name, "prefix": ""}


def _row_like(like: str | None, where: str) -> OpenAIImages | None:
    if like is None:
        return None
    rows = built_in_rows()
    if like not in rows:
        raise SettingsError(f"{where}, field 'like': there is no row {like!r}; there are {', '.join(sorted(rows))}.",
                            param="like")  # fmt: skip
    return rows[like].adapter


def _checked_host(url: str, where: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = None, ""
    if parts is None or parts.scheme not in {"http", "https"} or not host or parts.query or parts.username:
        raise SettingsError(f"{where}, field 'base_url': {url!r} is no address like https://host/v1.", param="base_url")
    return host


def _convert(table: Mapping[str, Any], kind: type[Any], where: str) -> Any:
    try:
        return msgspec.convert(dict(table), kind)
    except msgspec.ValidationError as error:
        field = re.search(r"field `([^`]*)`", str(error)) or re.search(r"at `\$\.?([^`]*)`", str(error))
        raise SettingsError(f"{where}: {error}.", param=field.group(1) if field else None) from error
