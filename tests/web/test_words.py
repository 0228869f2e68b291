"""The page's other languages: every text of the covered modules has one, none is kept that nobody says, and no raw English
is left in their markup."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.web.conftest import Opener
from tests.web.test_studio import PAIR, tile

from triptych.web import assets

APP = assets.ROOT / "app"
LANGUAGES = sorted((assets.ROOT / "lang").glob("*.json"))
COVERED = (
    "actions", "alt", "briefs", "caption", "commands", "compare", "composer", "credentials", "cull", "deeds", "differences", "foot", "format",
    "gallery", "help", "inspector", "local", "main", "marks", "notify", "palette", "phone", "reading", "rows", "settings", "spoken", "status", "tile",
    "toast", "toolbar", "tray", "undo", "welcome",
)  # fmt: skip
"""The frame, the prompt bar, tiles and rows, side by side, the gallery, and what opens anywhere. The other views are English."""
_TEXT = r"'((?:[^'\\\n]|\\.)*)'"
TABLES = {
    "briefs": [r"^  \['([^']+)'"],
    "commands": [r"name: '([^']+)'"],
    "compare": [r"\['\w+', '([^']+)'", r"(?:prettier|closer): '([^']+)'"],
    "differences": [r"^    \['([^']+)', x =>", r"(?:emulated|adjusted|unsupported|provider|usage|table): '([^']+)'"],
    "foot": [r"\['(?:draft|final)', '([^']+)', '([^']+)'"],
    "format": [r"\['([^']+)', '([^']+)'\]", r"(?:ready|limited|no_key|off|down): '([^']+)'"],
    "gallery": [r"\['([A-Z][^']+)', '[a-z]+'\]"],
    "help": [r"^  \['([^']+)', \[", r"\['[^']+', '([A-Z][^']+)'\]", r"\[`[^`]+`, '([^']+)'\]"],
    "inspector": [r"\['([A-Z][\w-]+)', ", r"\['[a-z]+', '([^']+)'\]"],
    "palette": [r"group: '([^']+)'"],
    "settings": [r"(?:denied|none): '([^']+)'"],
    "spoken": [r"\w+: '(\{0\} [^']+)'"],
    "status": [r"(?:queued|sent|working|receiving|blocked|failed|cancelled|lost): '([A-Z][^']+)'"],
    "tray": [r"\['\w+', '([^']+)', '([^']+)'\]"],
}  # fmt: skip
"""Texts that stand in a table of their module and are said where they are shown."""
NAMES = {"X/Y", "CSS", "JSON", "HTTP", "PNG", "Esc", "Ctrl"}


def source(module: str) -> str:
    """A module without its comments."""
    text = (APP / f"{module}.js").read_text("utf-8")
    return re.sub(r"/\*.*?\*/|(?<![:'\"`\w/])//[^\n]*", "", text, flags=re.DOTALL)


def said(module: str) -> set[str]:
    """Every text that a module says."""
    text, found = source(module), set[str]()
    for call in re.finditer(r"\b(?:say|keyed)\(", text):
        told = first(text, call.end())
        found |= set(re.findall(rf"(?:^|[?:] |\?\? ){_TEXT}", told))
    for pattern in TABLES.get(module, []):
        for match in re.finditer(pattern, text, re.MULTILINE):
            found |= {group for group in match.groups() if group}
    return {text.replace("\\'", "'") for text in found if text}


def first(text: str, start: int) -> str:
    """The first argument of the call that begins there."""
    depth, inside = 0, False
    for at in range(start, len(text)):
        sign = text[at]
        if sign == "'" and text[at - 1] != "\\":
            inside = not inside
        elif not inside:
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(sign, 0)
            if depth < 0 or (sign == "," and depth == 0):
                return text[start:at]
    return text[start:]


def counted(module: str) -> set[str]:
    return set(re.findall(r"\bcount\([^`;]*?, '([a-z ]+)'", source(module)))


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_every_text_has_its_translation_and_no_other_is_kept(path: Path) -> None:
    words = json.loads(path.read_text("utf-8"))
    texts = {text for module in COVERED for text in said(module)}
    assert len(texts) > 300
    assert sorted(texts - set(words)) == []
    everything = "".join(source(module) for module in COVERED)
    spare = {key for key in words if not key.startswith("#") and f"'{key}'" not in everything.replace("\\'", "'")}
    assert spare - {"Studio", "Gallery", "Models", "Router", "Ranking"} - STATES == set()
    assert {f"#{noun}" for module in COVERED for noun in counted(module)} == {
        key for key in words if key.startswith("#")
    }


STATES = {
    "queued",
    "sent",
    "working",
    "receiving",
    "done",
    "failed",
    "lost",
    "waiting",
    "kept",
    "refused",
    "stopped",
    "rejected",
}
"""States of tiles and pictures, as the server names them."""


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_a_translation_takes_the_same_parts(path: Path) -> None:
    for key, text in json.loads(path.read_text("utf-8")).items():
        if key.startswith("#"):
            assert set(text) == {"one", "other"}
        else:
            assert sorted(re.findall(r"\{\d\}", text)) == sorted(re.findall(r"\{\d\}", key)), key
            assert text.strip()


@pytest.mark.parametrize("module", COVERED)
def test_no_raw_english_is_in_the_markup(module: str) -> None:
    text = source(module)
    nodes = re.findall(r"(?:[}\"\w]>|</\w+>|/>)([^`$<>{}\n]*[A-Za-z]{2}[^`$<>{}\n]*)(?:</?[a-z]|\$\{)", text)
    labels = re.findall(r"\b(?:aria-label|title|placeholder|alt)=\"([^\"]*[A-Za-z]{2}[^\"]*)\"", text)
    labels += re.findall(r"\b(?:label|title|heading): '([^']*[A-Za-z]{2}[^']*)'", text)
    raw = [found.strip() for found in [*nodes, *labels] if not re.search(r"[=;()]|\breturn\b", found)]
    assert [found for found in raw if found not in NAMES and not LITERAL.fullmatch(found)] == []


LITERAL = re.compile(r"@img|fox model:seedream kept:yes|triptych\.toml|Studio|Gallery|Models|Router")
"""What reads the same in every language, or is said by whoever shows it."""


@pytest.mark.browser
def test_a_german_browser_gets_a_german_page_and_may_choose_english(visit: Opener, axe: str) -> None:
    page = visit(
        locale="de-DE",
        runs=[("harbour", PAIR), ("kite xai!blocked", ["xai/grok-imagine", "demo/aurora"])],
        ready="Tastenkürzel",
    )
    expect(page.locator(".tile[data-state=done]")).to_have_count(3)
    assert page.evaluate("document.documentElement.lang") == "de"
    expect(page.get_by_role("heading", name="Studio", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Galerie")).to_be_visible()
    expect(page.get_by_role("button", name="Erzeugen")).to_be_visible()
    expect(page.get_by_placeholder("Beschreib ein Bild.")).to_be_visible()
    expect(tile(page, "Grok Imagine")).to_contain_text("Abgelehnt")
    expect(tile(page, "Aurora").first).to_contain_text("prozedural, kein KI-Modell")
    page.get_by_label("Prompt", exact=True).fill("ein Drachen")
    expect(page.locator("#plan")).to_contain_text("2 Bilder")
    page.get_by_role("checkbox", name=re.compile("Woodcut")).uncheck(force=True)
    expect(page.locator("#plan")).to_contain_text("1 Bild")
    page.get_by_role("button", name="Einstellungen").click()
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"
    expect(page.get_by_role("button", name="Create")).to_be_visible()
