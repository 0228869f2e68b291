"""The router is neutral because it cannot be otherwise: it names no provider and cannot import one."""

import re
import tomllib
from pathlib import Path

import pytest

from triptych.catalog import load_cards

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "triptych"
NAMES = sorted({card.provider for card in load_cards()})


def mentions(text: str) -> list[str]:
    return [n for n in NAMES if re.search(rf"(?<![a-z]){re.escape(n)}(?![a-z])", text.lower())]


@pytest.mark.parametrize("room", ["router", "spec", "store", "http"])
def test_no_provider_is_named_below_the_adapters(room: str) -> None:
    found = {p.name: mentions(p.read_text("utf-8")) for p in (SOURCE / room).rglob("*.py")}
    allowed = {"openai"} if room == "spec" else set()  # the API whose names the values follow
    assert {file: set(n) - allowed for file, n in found.items() if set(n) - allowed} == {}


def test_the_names_are_really_looked_for() -> None:
    assert {"google", "bytedance", "xai", "openai", "aihorde", "demo"} <= set(NAMES)
    assert mentions('if provider == "google":') == ["google"]


def test_no_lock_names_a_registry() -> None:
    for path in [ROOT / "pyproject.toml", *(ROOT / "requirements").glob("*.txt")]:
        assert not re.search(r"https?://", path.read_text("utf-8")), path
    assert not (ROOT / "uv.lock").exists() or "uv.lock" in (ROOT / ".gitignore").read_text("utf-8")


def test_every_room_is_in_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    rooms = {r.strip("() ") for layer in contract["layers"] for r in layer.split("|")}
    assert {p.name for p in SOURCE.iterdir() if (p / "__init__.py").exists()} <= rooms
