"""The generated pages say what the code does now."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from triptych.catalog import load_cards
from triptych.catalog.retired import retired_models
from triptych.cli.output import Exit
from triptych.providers import row_cards
from triptych.server.errors import STATUS

ROOT = Path(__file__).parents[2]


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_tool", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES: dict[str, str] = tool().pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text("utf-8")
    assert written == PAGES[name], "run: .venv/bin/python tools/reference.py"


def test_every_card_with_its_price_and_what_its_provider_says_is_in_the_table() -> None:
    page, cards = PAGES["providers.md"], (*load_cards(), *row_cards())
    assert len(cards) > 60
    for card in cards:
        (row,) = (line for line in page.splitlines() if f"`{card.id}`" in line)
        assert card.name in row
        ends = row.rsplit(" | ", 1)[1]
        assert ends.startswith(card.retires or "– |")
        assert all(name in ends for name in card.successors or ())
        assert any(line.as_of in row for line in card.prices) or not card.prices
        assert ("| free |" in row) == card.free
        for fact in card.policy:
            assert f"{fact.statement}" in page
            assert f"({fact.source}; read {fact.as_of})" in page


def test_every_model_that_has_ended_is_in_the_table() -> None:
    page = PAGES["providers.md"]
    for one in retired_models().values():
        assert (
            f"| `{one.id}` | {one.ended} | {', '.join(one.successors) or 'nothing is named'} | {one.source}; read {one.as_of} |"
            in page
        )


def test_every_exit_code_is_explained() -> None:
    assert all(f"| {code.value} | " in PAGES["cli.md"] for code in Exit)


def test_every_error_of_the_api_is_explained() -> None:
    ours = set(STATUS) - {"unauthorised", "blocked"} | {"moderation_blocked"}
    assert all(f"| `{code}` | " in PAGES["errors.md"] for code in ours)


def test_every_command_is_there_and_hidden_arguments_are_not() -> None:
    page = PAGES["cli.md"]
    for command in ("serve", "generate", "models", "doctor", "keys set", "keys list", "keys test", "keys remove"):
        assert f"## `triptych {command}`" in page
    assert "GIVEN" not in page
