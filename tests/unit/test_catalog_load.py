"""Model-card files: the documented example is read, and every mistake is named with its place."""

import re
from pathlib import Path

import pytest

from triptych.catalog import cards_from_toml, load_cards
from triptych.spec.errors import SettingsError

ROOT = Path(__file__).parents[2]


def example() -> str:
    page = (ROOT / "docs/reference/model-cards.md").read_text(encoding="utf-8")
    found = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_documented_example_is_a_card() -> None:
    (card,) = cards_from_toml(example(), "acme.toml")
    assert (card.id, card.provider_model_id, card.lane) == ("acme/brush-2", "brush-2-20260901", "commercial")
    assert card.capabilities.aspect_ratios == ("1:1", "4:5", "16:9")
    assert card.capabilities.max_input_images == 4
    assert [line.micro_usd_per_million for line in card.prices] == [
        40_000_000_000,
        120_000_000_000,
        3_000_000_000,
        60_000_000,
    ]
    assert [(fact.topic, fact.value) for fact in card.policy] == [("training", "no"), ("retention", "1")]
    assert card.extra == {"endpoint": "v2"}
    assert card.typical_seconds == (8, 20)


def test_what_is_left_out_has_its_default() -> None:
    (card,) = cards_from_toml(
        'provider="a"\nlane="local"\n[[model]]\nid="b"\nname="B"\nfamily="b"\nmaker="M"\nfree=true\nlane="pinned"', "a"
    )
    assert (card.provider_model_id, card.lane, card.free, card.prices) == ("b", "pinned", True, ())
    assert card.capabilities.operations == ("generate",)


def test_a_size_rule_is_read() -> None:
    text = example().replace("# size_rule", "size_rule")
    (card,) = cards_from_toml(text, "acme.toml")
    assert card.capabilities.size_rule is not None
    assert (card.capabilities.size_rule.multiple, card.capabilities.size_rule.max_ratio) == (16, 16.0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('lane = "commercial"', 'lane = "paid"', ["'lane'"]),
        ('provider = "acme"', 'provider = "Acme Inc"', ["'provider'", "lower-case"]),
        ('provider = "acme"', "", ["provider"]),
        ('maker = "Acme"', 'maker = "Acme"\ncolour = "red"', ["model[0]", "'colour'"]),
        ("seed = true", "seed = true\nseeds = 1", ["brush-2", "[model.capabilities]", "'seeds'"]),
        ("seed = true", 'seed = "yes"', ["[model.capabilities]", "'seed'", "bool"]),
        ('default_resolution = "1k"', 'default_resolution = "8k"', ["'default_resolution'", "1k, 2k"]),
        ('default_quality = "low"', 'default_quality = "best"', ["'default_quality'"]),
        ('"4:5"', '"4 to 5"', ["'aspect_ratios'", "4 to 5"]),
        ("# sizes", 'sizes = ["big"]\n#', ["'sizes'", "big"]),
        ("# size_rule = {", "size_rule = { max_side = 10, min_side = 20 } #", ["'size_rule'"]),
        ("max_input_images = 4", "max_input_images = 0", ["'max_input_images'"]),
        ("max_images_per_call = 1", "max_images_per_call = 0", ["'max_images_per_call'"]),
        ('usd = "0.04"', 'usd = "cheap"', ["[[model.price]] 1", "'usd'", "cheap"]),
        ('usd = "0.04"', 'usd = "-1"', ["'usd'", "above zero"]),
        ('usd = "0.04"', 'usd = "NaN"', ["'usd'"]),
        ('usd = "0.04"', 'usd = "0.0000000000001"', ["'usd'", "digits"]),
        ('usd = "0.04"', "usd = 0.04", ["usd", "str"]),
        ('usd = "0.04"', 'usd_per_million = "4"', ["'usd_per_million'", "tokens"]),
        ('usd = "0.04"', "", ["exactly one"]),
        ('quality = "high" }', 'qualtiy = "high" }', ["[[model.price]] 2", "'when'", "qualtiy"]),
        ('quality = "high" }', 'size = "huge" }', ["'when'", "huge"]),
        ('quality = "high" }', 'max_megapixels = "many" }', ["'when'", "many"]),
        ('as_of = "2026-11-20"       #', 'as_of = "20 Nov 2026" #', ["[[policy]] 1", "'as_of'"]),
        ('retires = "2027-06-30"', 'retires = "soon"', ["'retires'", "soon"]),
        ("typical_seconds = [8, 20]", "typical_seconds = [20, 8]", ["'typical_seconds'"]),
        ('id = "brush-2" ', 'id = "acme/brush-2" ', ["'id'", "without the provider"]),
        ('maker = "Acme"', 'maker = " "', ["'maker'", "empty"]),
        ('maker = "Acme"', 'maker = "Acme"\nfree = true', ["'free'"]),
        ('source = "Acme terms of service, section 4"', 'source = ""', ["'source'"]),
        ('value = "no"', 'value = "never"', ["[[policy]] 1", "'value'", "no or yes"]),
        ('value = "1"', 'value = "a day"', ["'value'", "number of days"]),
        ("[[model]]", "[[model]", ["TOML"]),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, words: list[str]) -> None:
    assert old in example()
    with pytest.raises(SettingsError) as caught:
        cards_from_toml(example().replace(old, new, 1), "acme.toml")
    assert "acme.toml" in caught.value.message
    for word in words:
        assert word in caught.value.message


def test_two_models_of_one_id_are_refused() -> None:
    text = 'provider="a"\nlane="local"\n' + '[[model]]\nid="b"\nname="B"\nfamily="b"\nmaker="M"\n' * 2
    with pytest.raises(SettingsError, match="a/b"):
        cards_from_toml(text, "a.toml")


def test_every_built_in_card_is_read() -> None:
    cards = load_cards()
    assert len({card.id for card in cards}) == len(cards)
    assert all(card.id.startswith(f"{card.provider}/") for card in cards)
