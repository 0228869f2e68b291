"""Every provider: adapters by wire format, rows of data for those that need no code, plug-ins of third parties."""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from triptych.provider_kit.adapter import ImageAdapter
from triptych.providers import (
    aihorde,
    alibaba,
    bfl,
    bytedance,
    fal,
    fireworks,
    google,
    huggingface,
    ideogram,
    minimax,
    openai,
    opengradient,
    recraft,
    replicate,
    stability,
    xai,
)
from triptych.providers.rows import Row, built_in_rows, row_from_settings
from triptych.spec.errors import SettingsError
from triptych.spec.model import ModelCard

__all__ = ["ADAPTERS", "PLUGIN_GROUP", "load_plugins", "plugin_cards", "row_adapters", "row_cards", "row_from_settings"]

PLUGIN_GROUP = "triptych.providers"

ADAPTERS: Mapping[str, ImageAdapter] = MappingProxyType({
    "aihorde": aihorde.ADAPTER,
    "alibaba": alibaba.ADAPTER,
    "bfl": bfl.ADAPTER,
    "bytedance": bytedance.ADAPTER,
    "fal": fal.ADAPTER,
    "fireworks": fireworks.ADAPTER,
    "google": google.ADAPTER,
    "huggingface": huggingface.ADAPTER,
    "ideogram": ideogram.ADAPTER,
    "minimax": minimax.ADAPTER,
    "openai": openai.ADAPTER,
    "opengradient": opengradient.ADAPTER,
    "recraft": recraft.ADAPTER,
    "replicate": replicate.ADAPTER,
    "stability": stability.ADAPTER,
    "vertex": google.VERTEX,
    "xai": xai.ADAPTER,
})  # fmt: skip


def row_adapters() -> Mapping[str, ImageAdapter]:
    """The adapters of the rows that come with the program, by provider."""
    return {name: row.adapter for name, row in _rows().items()}


def row_cards() -> tuple[ModelCard, ...]:
    """The cards of those rows. They are not in the catalog's folder: a row is one place."""
    return tuple(card for row in _rows().values() for card in row.cards)


def _rows() -> Mapping[str, Row]:
    return built_in_rows()


def load_plugins(
    found: Iterable[EntryPoint] | None = None,
) -> tuple[Mapping[str, ImageAdapter], tuple[SettingsError, ...]]:
    """Adapters of third parties, from the entry-point group `triptych.providers`, and what was wrong with others.

    An entry point names an adapter, or a function without arguments that gives one or several. A plug-in that cannot
    be loaded, or takes the name of another provider, is reported and does not stop the rest.
    """
    adapters: dict[str, ImageAdapter] = {}
    errors: list[SettingsError] = []
    for point in entry_points(group=PLUGIN_GROUP) if found is None else found:
        try:
            loaded = _adapters_of(point)
        except (ImportError, AttributeError, TypeError, ValueError, SyntaxError) as error:
            errors.append(SettingsError(f"The provider plug-in {point.name!r} ({point.value}) could not be loaded: "
                                        f"{type(error).__name__}: {error}.", param=point.name))  # fmt: skip
            continue
        for adapter in loaded:
            if adapter.provider in ADAPTERS or adapter.provider in adapters:
                errors.append(SettingsError(f"The provider plug-in {point.name!r} wants the name "
                                            f"{adapter.provider!r}, which is taken.", param=point.name))  # fmt: skip
            else:
                adapters[adapter.provider] = adapter
    return adapters, tuple(errors)


def plugin_cards(adapter: ImageAdapter) -> tuple[ModelCard, ...]:
    """The cards that a plug-in brings along, as `cards` on its adapter; those of other providers are left out."""
    cards = getattr(adapter, "cards", ())
    return tuple(card for card in cards if isinstance(card, ModelCard) and card.provider == adapter.provider)


def _adapters_of(point: EntryPoint) -> tuple[ImageAdapter, ...]:
    loaded = point.load()
    made = loaded if hasattr(loaded, "build") and not isinstance(loaded, type) else loaded()
    several = tuple(made) if isinstance(made, list | tuple) else (made,)
    needed = ("provider", "base_url", "auth", "trusted_hosts", "build", "parse", "parse_event",
              "check_request", "parse_check")  # fmt: skip
    for adapter in several:
        missing = [name for name in needed if not hasattr(adapter, name)]
        if missing:
            raise TypeError(f"{type(adapter).__name__} is no adapter: it has no {', '.join(missing)}")
    return several
