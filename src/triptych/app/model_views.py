"""Models and providers as the page and the command line show them (docs/reference/studio-api.md)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from triptych.app.models import Models, ProviderState
from triptych.catalog.descriptors import descriptors
from triptych.catalog.price import estimate
from triptych.router.data_policy import data_policy
from triptych.router.execute import Router
from triptych.router.health import HealthView
from triptych.spec.image import Cost, ImageRequest
from triptych.spec.json import JsonObject
from triptych.spec.model import ModelCard, PriceLine
from triptych.spec.records import Question
from triptych.studio.picks import Picks

ORDER_RULE = "alphabetical by name; AI models before the procedural painters"
OWN_ORDER_RULES: Mapping[Question, str] = {
    "prettier": (
        "your own picks of the prettier picture, the strongest first, as you switched on; models that you never compared "
        f"count as average; where it is even {ORDER_RULE}"
    ),
    "closer": (
        "your own picks of the picture closer to the brief, the strongest first, as you switched on; models that you never "
        f"compared count as average; where it is even {ORDER_RULE}"
    ),
}
FIRST_CHOICE_RULE = (
    "the first model that can be used of each of two providers, in the order above; models that end within 180 days "
    "and models whose price is not known come after the others"
)
ENDS_SOON = timedelta(days=180)
_PLAIN = ImageRequest(prompt="a picture")
_COLOURS = {"green": "ready", "grey": "ready", "amber": "limited", "red": "down"}
_TROUBLES = {"no_key": "no_key", "off": "off", "disabled": "off", "key_refused": "down", "away": "down", "floor": "off",
             "training": "off"}  # fmt: skip
_SHADES = ("green", "grey", "amber", "red")
CONSENT_TOPICS = ("readers", "publication")


def order(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """The order in which models are shown; `ORDER_RULE` says it in words."""
    return sorted(cards, key=lambda card: (not card.is_ai, card.name.lower(), card.id))


def listed(models: Models, router: Router, picks: Picks) -> dict[str, Any]:
    """Every model and provider as a page shows them, and the rule of their order in words."""
    views = {str(view["id"]): view for view in model_views(models, router)}
    rule = OWN_ORDER_RULES[picks.question] if picks.switches["ordering"] else ORDER_RULE
    return {"models": [views[name] for name in picks.in_order(list(views))], "providers": provider_views(models),
            "order_rule": rule, "reach": models.reach, "no_training": models.no_training}  # fmt: skip


def model_views(models: Models, router: Router) -> list[JsonObject]:
    """Every model that draws of every provider that is not switched off, in order. What only does tasks with a finished
    picture is offered with that picture, see `triptych.studio.tasks`."""
    worst: dict[str, HealthView] = {}
    for view in router.health_view():
        known = worst.get(view.endpoint)
        if known is None or _SHADES.index(view.state) > _SHADES.index(known.state):
            worst[view.endpoint] = view
    states = {card.id: state for state in models.providers() if state.enabled for card in state.cards}
    cards = order(card for state in models.providers() if state.enabled for card in state.cards if card.draws)
    return [
        {**_model(card, models.trouble(states[card.id], card), states[card.id], worst.get(card.id), router.typical_seconds(card)),
         "word": word_of(card, models.moved.get(card.id), models.today)}
        for card in cards
    ]  # fmt: skip


def word_of(card: ModelCard, moved: JsonObject | None, today: date) -> JsonObject | None:
    """What is to be known of a model before it is chosen, `says`, and the page that tells more, `at`."""
    if moved is not None:
        return {"at": "/drift", "says": moved["words"]}
    ends = None if card.retires is None else date.fromisoformat(card.retires)
    return (
        {"at": f"/models#{card.provider}", "says": f"ends on {ends.day} {ends:%b}"}
        if ends and today < ends <= today + ENDS_SOON
        else None
    )


def parameters(models: Models, name: str) -> JsonObject:
    """What each field of a request may be for the model of this id."""
    return descriptors(next(card for state in models.providers() for card in state.cards if card.id == name))


def first_choice(views: Sequence[JsonObject], today: date) -> list[str]:
    """The two models of a first visit, as `FIRST_CHOICE_RULE` says it."""
    usable = [v for v in views if v["state"] == "ready" or v["reason_code"] == "untested"]
    usable.sort(key=lambda view: (_on_its_way_out(view, today), view["price_micro_usd"] is None))
    first_of: dict[str, JsonObject] = {}
    for view in usable:
        first_of.setdefault(str(view["provider"]), view)
    firsts = list(first_of.values())
    rest = [view for view in usable if view not in firsts]
    return [str(view["id"]) for view in (*firsts, *rest)[:2]]


def _on_its_way_out(view: JsonObject, today: date) -> bool:
    retires, note = view["retires"], view["note"]
    soon = isinstance(retires, str) and date.fromisoformat(retires) <= today + ENDS_SOON
    return soon or (isinstance(note, str) and note.startswith("On its way out"))


def _model(
    card: ModelCard,
    trouble: tuple[str, str] | None,
    state: ProviderState,
    health: HealthView | None,
    seconds: tuple[int, int] | None,
) -> JsonObject:
    if trouble is not None:
        shown, reason, code = _TROUBLES[trouble[0]], trouble[1], trouble[0]
    elif health is not None and _COLOURS[health.state] != "ready":
        shown, reason, code = _COLOURS[health.state], health.sentence, "unhealthy"
    elif (caution := state.caution()) is not None:
        shown, code, reason = "limited", *caution
    else:
        shown, reason, code = "ready", None, None
    price = estimate(card, _PLAIN)
    caps: Mapping[str, Any] = msgspec.to_builtins(card.capabilities)
    return {
        "id": card.id, "name": card.name, "maker": card.maker, "provider": card.provider, "lane": card.lane,
        "is_ai": card.is_ai, "note": card.note, "license": card.license, "retires": card.retires, "successors": card.successors and list(card.successors),
        "state": shown, "reason": reason, "reason_code": code,
        "price_micro_usd": price.amount_micro_usd, "price_source": price.source, "free": card.free,
        "typical_seconds": list(seconds) if seconds else None,
        "capabilities": caps,
        "policy": [msgspec.to_builtins(fact) for fact in card.policy], "data": data_words(card),
        "prices": [_price(line) for line in card.prices],
    }  # fmt: skip


def data_words(card: ModelCard) -> list[str]:
    """What becomes of what is sent, as far as its card says it in a word: whether it is learnt from, and for how many days it is kept.
    Nothing of what is drawn on this machine."""
    if card.lane == "local":
        return []
    known = data_policy(card)
    training = {"no": "Nobody learns from what is sent.", "yes": "What is sent may be learnt from.",
                None: "Whether what is sent is learnt from is not known."}[known.training]  # fmt: skip
    days = known.retention_days
    kept = [] if days is None else ["It is not kept."] if days == 0 else [f"It is kept for {days} days."]
    return [training, *kept]


def _price(line: PriceLine) -> JsonObject:
    return {
        "unit": line.unit, "micro_usd": line.micro_usd_per_million / 1_000_000, "when": dict(line.when),
        "source": line.source, "as_of": line.as_of,
    }  # fmt: skip


def provider_views(models: Models) -> list[JsonObject]:
    """Every provider that is not switched off, alphabetically; one that needs nothing comes last."""
    drawing = (s for s in models.providers() if s.enabled and any(card.draws for card in s.cards))
    states = sorted(drawing, key=lambda s: (not s.needs_key, s.name.lower()))
    return [provider_view(state) for state in states]


def provider_view(state: ProviderState) -> JsonObject:
    """One provider: its key by hint only, the consent it needs, what it unlocks."""
    auth = state.adapter.auth if state.adapter else None
    trouble, caution = state.trouble(), state.caution()
    shown, reason, code = (_TROUBLES[trouble[0]], trouble[1], trouble[0]) if trouble else ("ready", None, None)
    if caution is not None:
        shown, code, reason = "limited", *caution
    return {
        "id": state.id, "name": state.name,
        "state": shown, "reason": reason, "reason_code": code,
        "key": {"env": list(auth.env), "source": state.key_source, "hint": state.key.hint() if state.key else None,
                "sign_up": auth.sign_up} if auth else None,
        "needs_key": state.needs_key,
        "check": {"ok": state.check.ok, "message": state.check.message, "code": state.check.code} if state.check else None,
        "consent": {"text": consent_text(state), "given": state.consent} if state.needs_consent else None,
        "models": [card.id for card in order(card for card in state.cards if card.draws)],
        "base_url": state.base_url, "own": state.own,
        "unlocks": unlocks(state),
    }  # fmt: skip


def consent_text(state: ProviderState) -> str:
    """What a user must know before a lane is switched on whose operators read the prompt."""
    facts = {fact.topic: fact.statement for card in state.cards for fact in card.policy}
    return " ".join(facts[topic] for topic in CONSENT_TOPICS if topic in facts)


def unlocks(state: ProviderState) -> str:
    """`5 models, from $0.034 an image`."""
    cards = [card for card in state.cards if card.draws]
    count = f"{len(cards)} model{'s' if len(cards) != 1 else ''}"
    costs: list[Cost] = [estimate(card, _PLAIN) for card in cards]
    known = [cost.amount_micro_usd for cost in costs if cost.amount_micro_usd]
    if any(cost.source == "free" for cost in costs):
        return f"{count}, free"
    return f"{count}, from ${min(known) / 1_000_000:.3f} an image" if known else f"{count}, price not known"
