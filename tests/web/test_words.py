"""The page's other languages: every text has one, none is kept that nobody says, and no module has raw English."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.web.conftest import Opener
from tests.web.english import Text, every, texts
from tests.web.test_studio import PAIR, tile

from triptych.web import assets

APP = assets.ROOT / "app"
LANGUAGES = sorted((assets.ROOT / "lang").glob("*.json"))
MODULES = sorted(path.stem for path in APP.glob("*.js"))
_TEXT = r"'((?:[^'\\\n]|\\.)*)'"
TABLES = {
    "answers": [r"(?:prettier|closer): '([^']+)'"],
    "briefs": [r"^  \['([^']+)'"],
    "chosen": [r"(?:prettier|closer): '([^']+)'"],
    "commands": [r"name: '([^']+)'"],
    "compare": [r"\['\w+', '([^']+)'", r"(?:prettier|closer): '([^']+)'"],
    "differences": [r"^    \['([^']+)', x =>", r"(?:emulated|adjusted|unsupported|provider|usage|table|free|unknown): '([^']+)'"],
    "features": [r"[a-z_]+: '([^']+)'"],
    "floor": [r"\['\w+', '([^']+)', '([^']+)', '([^']+)'\]"],
    "foot": [r"\['(?:draft|final)', '([^']+)', '([^']+)'"],
    "format": [r"\['([^']+)', '([^']+)'\]", r"(?:ready|limited|no_key|off|down): '([^']+)'"],
    "gallery": [r"\['([A-Z][^']+)', '[a-z]+', '[a-z]*'\]"],
    "help": [r"^  \['([^']+)', \[", r"\['[^']+', '([A-Z][^']+)'\]", r"\[`[^`]+`, '([^']+)'\]"],
    "inspector": [r"\['([A-Z][\w-]+)', ", r"\['[a-z]+', '([^']+)'\]"],
    "palette": [r"group: '([^']+)'"],
    "settings": [r"(?:denied|none): '([^']+)'"],
    "share": [r"(?:off|trying|on|paused|fault): '([^']+)'", r"Field\('([^']+)'"],
    "spoken": [r"\w+: '(\{0\} [^']+)'"],
    "status": [r"(?:queued|sent|working|receiving|blocked|failed|cancelled|lost): '([A-Z][^']+)'"],
    "kit": [r"\['(yes)', '(maybe)', '(no)'\]"],
    "lineage": [r"(?:edit|blocked|failed|cancelled|lost|done): '([^']+)'"],
    "provider": [r"(?:ready|limited|no_key|off|down): '([^']+)'", r"(?:untested|billing|model_unavailable): '([^']+)'"],
    "ranking": [r"(?:generate|edit|mixed): '([A-Z][^']+)'"],
    "route": [r"(?:picked|retired): '([^']+)'", r"\['(?:price|latency|failure|load|lane)', '([^']+)'\]"],
    "router": [r"edit: '([^']+)'"],
    "suggest": [r"\['bg', 'transparent', '([^']+)'\]"],
    "tray": [r"\['\w+', '([^']+)', '([^']+)'\]"],
}  # fmt: skip
"""Texts that stand in a table of their module and are said where they are shown."""


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
    texts = {text for module in MODULES for text in said(module)}
    assert len(texts) > 300
    assert sorted(texts - set(words)) == []
    frame = (assets.ROOT / "shell.py").read_text("utf-8").replace('"', "'")
    everything = "".join(source(module) for module in MODULES) + frame
    spare = {key for key in words if not key.startswith("#") and f"'{key}'" not in everything.replace("\\'", "'")}
    assert spare - {"Studio", "Gallery", "Models", "Router", "Ranking"} - STATES == set()
    assert {f"#{noun}" for module in MODULES for noun in counted(module)} == {
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


@pytest.mark.parametrize("module", MODULES)
def test_no_raw_english_is_in_a_module(module: str) -> None:
    words = [json.loads(path.read_text("utf-8")) for path in LANGUAGES]
    raw = list[str]()
    for text in every(texts((APP / f"{module}.js").read_text("utf-8"))):
        if text.tag == "html":
            raw += markup(text)
        elif (
            not text.tag and not text.compared and text.call not in TECHNICAL and (text.call, text.argument) not in SAID
        ):
            raw += [
                chunk for chunk in text.chunks if ENGLISH.search(chunk) and not all(chunk in known for known in words)
            ]
    assert [found for found in raw if not LITERAL.fullmatch(found.strip())] == []


def markup(text: Text) -> list[str]:
    """The words of a piece of markup that stand in it as they are: between the tags, and in labels."""
    whole = "\0".join(text.chunks)
    bare = re.sub(r"<(code|kbd|pre|style)\b[^>]*>.*?</\1>", "", whole, flags=re.DOTALL)
    labels = re.findall(r"\b(?:aria-label|title|placeholder|alt)=\"([^\"\0]*[A-Za-z]{2}[^\"]*)\"", bare)
    nodes = re.split(r"<[^<>]*>|\0", bare)
    return [*labels, *(node for node in nodes if re.search(r"[A-Za-z]{2}", node))]


def test_raw_english_would_be_found() -> None:
    module = """const a = say('Kept'), b = x ? 'not kept' : '';
    html`<p title="Keep it">Kept <b>${say('for you')}</b> by ${h(Tool, { label: 'Take out' })}</p>`; // for nobody"""
    found = list(every(texts(module)))
    assert [text.chunks for text in found if (text.call, text.argument) in SAID] == [["Kept"], ["for you"]]
    assert [text.chunks[0] for text in found if text.call == "{"] == ["Take out"]
    assert any("not kept" in text.chunks and ENGLISH.search("not kept") for text in found)
    assert markup(next(text for text in found if text.tag == "html")) == ["Keep it", "Kept ", " by "]


SAID = {("say", 0), ("keyed", 0)}
TECHNICAL = {
    "addEventListener", "at_", "call", "closest", "count", "createElement", "endsWith", "getContext", "get", "import", "includes", "matches", "matchMedia",
    "querySelector", "querySelectorAll", "replace", "startsWith", "later", "deed", "Error",
}  # fmt: skip
"""What takes strings that nobody reads."""
ENGLISH = re.compile(r"[A-Za-z]{2,}[,.:;’]? [A-Za-z]|^\s*[A-Z][a-z]{2,}|\s[a-z]{2,}|[a-z]{2,}\s")
LITERAL = re.compile(
    r"Alt|Alt ↑ ↓|Arrow|ArrowDown|ArrowLeft|ArrowRight|ArrowUp|Backspace|Ctrl|Ctrl ⇧ ↵|Del|Delete|Enter|Esc|Escape|Home|Shift|Tab"
    r"|[A-Z]\w+-[A-Z]\w+|[A-Z][a-z]+[A-Z]\w*|Notification|PNG|English|Deutsch|Python|min|Help|Picker|Palette|Drift"
    r"|btn small|num \w+|; path=.*|part|pace slow|picture in|ref bad|remark(?: good| bad)?|said moved|tool(?: num)?|chip|\.frame img|:is\(.*"
    r"|\d+.*px sans-serif|@img|.*--(?:ar|seed)\b.*|fox model:seedream kept:yes|text, hands|on, off|opaque, transparent"
    r"|triptych (?:log|verify)\b.*|/log --key .*|--log|of the log that this server publishes"
    r"|No witness that this server names has cosigned|The dice are said to be .*|This server did not give the|Their keys are those .*"
    r"|is the one to change|shows the \w+|The|picture"
)
"""What reads the same in every language, what goes into a prompt, and what a browser reads."""


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
    expect(tile(page, "Grok Imagine")).to_contain_text("Nach einer Inhaltsregel abgelehnt: violence.")
    expect(tile(page, "Grok Imagine")).to_contain_text("“I can't help with that.”")
    heard = """async said => { const { say } = await import(document.querySelector('script[type=module]').src.replace('main', 'ui')); return said.map(text => say(text)); }"""
    assert page.evaluate(heard, [
        "xAI does not accept the key (status 401).",
        "The spending cap for this run is $0.10: $0.00 is spent or held, and this would cost $0.24. Nothing was sent.",
        "The words after --no (“free, style”) were read as part of the prompt.",
        "Equal ones: the lower price, then the shorter time, then a draw.",
        "a fox in the snow, sent as a message",
    ]) == [
        "xAI nimmt den Schlüssel nicht an (Status 401).",
        "Die Ausgabengrenze für diesen Lauf ist 0,10\u00a0$: 0\u00a0$ sind ausgegeben oder zurückgelegt, und dies würde 0,24\u00a0$ kosten. Nichts wurde gesendet.",
        "Die Worte nach --no („free, style“) wurden als Teil des Prompts gelesen.",
        "Bei Gleichstand: der niedrigere Preis, dann die kürzere Zeit, dann das Los.",
        "a fox in the snow, sent as a message",
    ]  # fmt: skip
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
