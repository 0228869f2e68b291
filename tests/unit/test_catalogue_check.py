"""Whether cards are true still: what their own dates say, what a provider's list says, and the command that tells it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast

import pytest
from tests.emulators import Emulators
from tests.emulators.replicate import MODELS as REPLICATE_MODELS
from tests.unit.cli_tools import Cli, cli_on, provider_environment

from triptych.app.catalogue_check import WRONG, Finding, by_dates, by_list, compared
from triptych.app.models import Models, ProviderState
from triptych.catalog import load_cards
from triptych.catalog.retired import Retired, come_after, retired_model, retired_models
from triptych.cli.exits import Exit
from triptych.providers import ADAPTERS
from triptych.spec.model import KeyCheck, ModelCard, PriceLine

TODAY = date(2026, 11, 22)
BY_ID = {card.id: card for card in load_cards()}
CARD = next(card for card in load_cards() if card.id == "openai/gpt-image-2")


def priced(as_of: str) -> ModelCard:
    line = PriceLine(unit="image", micro_usd_per_million=1, source="a list", as_of=as_of)
    return replace(CARD, prices=(line, replace(line, as_of="2026-11-21")))


def said(card: ModelCard) -> list[tuple[str, str]]:
    return [(found.kind, found.text) for found in by_dates([card], TODAY)]


@pytest.mark.parametrize(
    ("retires", "kind"),
    [("2026-11-22", "ended"), ("2026-11-21", "ended"), ("2026-11-23", "ends"), ("2027-05-21", "ends"),
     ("2027-05-22", None), (None, None)],
)  # fmt: skip
def test_an_end_is_told_half_a_year_before(retires: str | None, kind: str | None) -> None:
    found = said(replace(priced("2026-11-20"), retires=retires))
    assert [each for each, _ in found] == ([kind] if kind else [])


def test_an_end_names_what_comes_after() -> None:
    ends = replace(priced("2026-11-20"), retires="2026-12-01", successors=("openai/gpt-image-3",))
    assert said(ends) == [("ends", "ends on 2026-12-01, in 9 days. openai/gpt-image-3 comes after it.")]


def test_an_end_names_all_that_come_after_it_or_says_that_nothing_is_named() -> None:
    ends = replace(priced("2026-11-20"), retires="2026-12-01")
    two = replace(ends, successors=("openai/gpt-image-3", "openai/gpt-image-4"))
    assert said(two) == [
        ("ends", "ends on 2026-12-01, in 9 days. openai/gpt-image-3 or openai/gpt-image-4 comes after it.")
    ]
    none = replace(ends, successors=())
    assert said(none) == [("ends", "ends on 2026-12-01, in 9 days. Its provider names nothing in its place.")]


def test_a_card_of_a_model_that_is_known_to_have_ended_is_not_true() -> None:
    card = replace(priced("2026-11-20"), id="openai/gpt-image-1")
    ((kind, text),) = said(card)
    assert kind == "ended"
    assert text.startswith("ended on 2026-10-23, by openai-python 3.52.0")
    assert text.endswith("openai/gpt-image-2.5-sunburst or openai/gpt-image-2.5-flare comes after it.")


@pytest.mark.parametrize("card", [card for card in load_cards() if card.retires], ids=lambda card: card.id)
def test_a_card_that_ends_says_what_comes_after_it(card: ModelCard) -> None:
    """Or that its provider names nothing: an empty list."""
    assert card.successors is not None
    assert set(card.successors) == set(come_after(card.successors, BY_ID))


@pytest.mark.parametrize("one", retired_models().values(), ids=lambda one: one.id)
def test_what_has_ended_leads_to_a_card(one: Retired) -> None:
    assert one.id not in BY_ID
    assert one.id.partition("/")[0] in {card.provider for card in BY_ID.values()}
    assert date.fromisoformat(one.ended) <= date.fromisoformat(one.as_of)
    assert one.source
    after = come_after(one.successors, BY_ID)
    assert bool(after) == bool(one.successors)
    assert all(BY_ID[name].retires is None for name in after)


def test_what_came_after_is_followed_from_one_to_the_next() -> None:
    assert come_after(["xai/grok-imagine-image-quality"], BY_ID) == ("xai/grok-imagine-image-2.0",)
    assert come_after(["google/imagen-3.0-generate-002"], BY_ID) == ("google/gemini-nano-banana-2.1",)
    assert come_after(["openai/gpt-image-1.5"], BY_ID) == (
        "openai/gpt-image-2.6-sunburst",
        "openai/gpt-image-2.6-flare",
    )
    assert come_after(["openai/gpt-image-1"], {}) == ()
    loop = {name: replace(CARD, id=name, successors=(other,)) for name, other in (("a/1", "a/2"), ("a/2", "a/1"))}
    assert come_after(["a/1"], loop) == ()


@pytest.mark.parametrize("name", ["gpt-image-1", "openai/gpt-image-1", " GPT-Image-1 "])
def test_a_name_is_found_with_its_provider_and_without(name: str) -> None:
    found = retired_model(name)
    assert found is not None
    assert found.ended == "2026-10-23"
    assert retired_model("gpt-image") is None


@pytest.mark.parametrize(("as_of", "old"), [("2026-09-23", False), ("2026-09-22", True)])
def test_a_price_is_old_after_sixty_days(as_of: str, old: bool) -> None:
    assert said(priced(as_of)) == ([("old_price", f"its price is of {as_of}, 61 days ago.")] if old else [])


def test_a_price_that_is_not_known_is_said_but_not_of_what_is_free() -> None:
    assert said(replace(CARD, prices=())) == [("no_price", "no price is known.")]
    assert said(replace(CARD, prices=(), free=True)) == []


def test_a_list_is_compared_both_ways() -> None:
    other = replace(CARD, id="openai/brush-1", provider_model_id="brush-1", successors=("openai/brush-2",))
    listed = [CARD.provider_model_id, "gpt-image-9", "gpt-5-text"]
    assert [(found.kind, found.model, found.text) for found in compared("openai", [CARD, other], listed)] == [
        ("gone", "openai/brush-1", "is not in the provider's list any more (brush-1). openai/brush-2 comes after it."),
        ("new", None, "lists gpt-image-9, which no card has."),
    ]


def test_an_end_that_the_list_names_is_compared_with_the_card_s() -> None:
    cards = [replace(CARD, id=f"openai/{name}", provider_model_id=name, retires=retires)
             for name, retires in (("a", None), ("b", "2026-12-01"), ("c", "2026-12-01"), ("d", "2026-12-01"))]  # fmt: skip
    ends = {"a": "2026-12-01", "b": "2026-12-01", "c": "2027-01-14"}
    assert [(found.kind, found.model, found.text) for found in compared("openai", cards, "abcd", ends)] == [
        ("other_end", "openai/a", "ends on 2026-12-01 by the provider's list; the card names no end."),
        ("other_end", "openai/c", "ends on 2027-01-14 by the provider's list; the card says 2026-12-01."),
    ]


def test_a_name_on_the_list_that_has_ended_is_no_news() -> None:
    (found,) = compared("xai", [], ["grok-imagine-image-quality"])
    assert (found.kind, found.text) == (
        "still_listed",
        "still lists grok-imagine-image-quality, which ended on 2026-11-02. xai/grok-imagine-image-2.0 comes after it.",
    )


class Told:
    """What `Models.listed` says of one provider; `asked` counts."""

    def __init__(self, check: KeyCheck | None) -> None:
        self.check, self.asked = check, 0

    async def listed(self, provider: str) -> KeyCheck | None:
        self.asked += 1
        return self.check


async def heard(check: KeyCheck | None, state: ProviderState) -> tuple[int, list[Finding]]:
    told = Told(check)
    found = await by_list(cast("Models", told), state)
    return told.asked, found


VOLUNTEERS = tuple(card for card in BY_ID.values() if card.provider == "aihorde")
HORDE = ProviderState(id="aihorde", name="AI Horde", cards=VOLUNTEERS, adapter=ADAPTERS["aihorde"], consent=True)


async def test_what_no_volunteer_draws_now_is_told_and_no_card_is_wrong_for_it() -> None:
    there = VOLUNTEERS[0].provider_model_id
    check = KeyCheck(ok=True, message="", detail={"models": [there, "Somebody's own diffusion"]})
    _, found = await heard(check, HORDE)
    assert [one.model for one in found] == [card.id for card in VOLUNTEERS[1:]]
    assert {one.kind for one in found} == {"unserved"}
    assert not {one.kind for one in found} & WRONG
    assert found[0].text == f"is drawn by nobody at this moment ({VOLUNTEERS[1].provider_model_id})."


async def test_volunteers_whose_list_nobody_tells_are_passed_over() -> None:
    assert await heard(None, replace(HORDE, adapter=None)) == (0, [])
    _, (found,) = await heard(None, replace(HORDE, consent=False))
    assert found.kind == "not_asked"


# The command.


@pytest.fixture
def cli(
    tmp_path: Path, emulators: Emulators, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Cli]:
    with cli_on(tmp_path / "data", monkeypatch, capsys) as made:
        for name, value in provider_environment(emulators).items():
            made.patch.setenv(name, value)
        yield made


def test_models_that_a_provider_tells_of_one_by_one_are_all_asked_about(cli: Cli, emulators: Emulators) -> None:
    cli.patch.setenv("TRIPTYCH_REPLICATE_BASE_URL", emulators.replicate.base_url)
    cli.patch.setenv("REPLICATE_API_TOKEN", emulators.replicate.key)
    cli.patch.delitem(REPLICATE_MODELS, "black-forest-labs/flux-2-pro")
    found = json.loads(cli("models", "check", "--json").out)["findings"]
    of = [each for each in found if each["provider"] == "replicate" and each["kind"] not in {"no_price", "old_price"}]
    assert [(each["kind"], each["model"]) for each in of] == [("gone", "replicate/flux-2-pro")]
    cli.patch.setenv("REPLICATE_API_TOKEN", "r8_wrong")
    found = json.loads(cli("models", "check", "--json").out)["findings"]
    assert "not_asked" in {each["kind"] for each in found if each["provider"] == "replicate"}


def test_the_command_asks_who_has_a_key_and_exits_with_1_when_a_card_is_not_true(cli: Cli) -> None:
    listed = cli("models", "check", "--json")
    found = json.loads(listed.out)["findings"]
    of = {provider: {each["kind"] for each in found if each["provider"] == provider} for provider in ("openai", "bfl")}
    assert of["bfl"] >= {"not_asked"}
    assert listed.code == (Exit.ERROR if any(each["kind"] in {"gone", "ended"} for each in found) else Exit.OK)
    assert "new" in of["openai"]
    assert "other_end" not in of["openai"]
    ends = {each["model"]: each["text"] for each in found if each["kind"] in {"ends", "ended"}}
    assert "openai/gpt-image-2.6-sunburst or openai/gpt-image-2.6-flare comes after it." in ends["openai/gpt-image-1.5"]
    lines = cli("models", "check").out
    new = next(each["text"] for each in found if each["kind"] == "new" and each["provider"] == "openai")
    assert f"openai {new}" in " ".join(lines.split())
    assert "bfl was not asked: " in lines
    assert cli("models").code == Exit.OK
