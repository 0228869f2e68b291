"""What the server says is read in the page's language: every sentence that it can say there has one. Those of cards and adapters lie
with the cards, so that another provider touches no file of the page."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from triptych.catalog import told
from triptych.web import asset, assets

SOURCE = assets.ROOT.parent
LANGUAGES = sorted((assets.ROOT / "lang" / "told").glob("*.json"))
CARDS = SOURCE / "catalog" / "lang"
ADAPTERS = ("providers",)
PACKAGES = ("app", "http", "imaging", "node", "provider_kit", "providers", "router", "server", "store", "studio")
UNHEARD = {
    "app": "audit_book catalogue_check container credentials health_news hub log_set_up node node_workers open_models owners pricing receipts rotation witness_desk witnessing",
    "imaging": "credentials memory provenance reframe workshop",
    "node": "cards fees hashes jobs key_watch keys leaving open_models policy trial image_model web_ui uploads wire owning",
    "provider_kit": "direct laws law_strategies openai_sdk playback",
    "providers": "__init__ reading rows unread words card",
    "router": "bundle claims derive filters rerun sealed",
    "server": "door horde_api inside join_page hub_api hub_app hub_mailbox forwarded public usage_api witness_api workers_door openai_fields openai_images openai_chat image_jobs pictures_in history gemini",
    "store": "bus codec engine gallery gallery_words ledger memory_file reads records schema writer r0002_search r0006_gallery",
    "studio": "credentials grid_page instructions kit_pdf kit_sheet live naming sealed_page",
}
"""Modules that speak to operators, programs or clients, not to whoever looks at the page."""
FIELD = re.compile(
    r"^[a-z0-9_]+ (?:must be|must give|takes?|has \{0\} letters|has marks|is missing\.|is empty\.|is \{0\}; it takes|and \w+ |names the )|^of takes "
)
"""About a field of a request that the page never sends so."""
LEAST = 8
"""Letters that a sentence has outside of its parts, so that it can be told from another."""
WORDS = re.compile(r"[A-Za-z]{2,}[,:;.]? [a-z{\d(“]")
NO_TEXT = re.compile(
    r"^(?:internal error|SELECT|PRAGMA|SET|from \S+ import|contents = |answer = |pip |--\w+ \{0\}$|[a-z_]+: (?:true|false)$|state (?:NOT )?IN)"
    r"|charset=|max-age|filename=|^text/|^vapid|--seed 11$|sha256:|[|^\\]|</"
    r"|^(?:no space left|os error 28|quota exceeded|storage full|onnxruntime.*|<hidden.*|\{0\} --\w+ \{1\}|(?:job|picture|Triptych) \{0\}"
    r"|location is not supported|Incorrect API key|(?:not )?be(?:en)? (?:charged|billed))$"
)
"""Statements, headers, patterns and code."""


def template(node: ast.expr) -> str | None:
    """A text as the catalogue has it: what is put into it is {0}, {1} and so on."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("{place}", "{0}")
    if not isinstance(node, ast.JoinedStr):
        return None
    parts, n = list[str](), 0
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value))
        else:
            parts.append(f"{{{n}}}")
            n += 1
    return "".join(parts)


def sentences(source: str) -> list[str]:
    """What a module may say: its texts of several words, without docstrings, patterns and what goes to the log."""
    tree = ast.parse(source)
    silent = set[ast.AST]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            silent.update(node.values)
        elif isinstance(node, ast.Call) and re.match(
            r"(?:_?log(?:ger)?|re)\.|.*(?:RuntimeError|AssertionError)$", ast.unparse(node.func)
        ):
            silent.update(child for arg in [*node.args, *node.keywords] for child in ast.walk(arg))
    said = [template(node) for node in ast.walk(tree) if node not in silent and isinstance(node, ast.expr)]
    return [
        text.strip()
        for text in said
        if text and WORDS.search(text) and not NO_TEXT.search(text) and not FIELD.search(text) and own(text) >= LEAST
    ]


def own(text: str) -> int:
    return len(re.sub(r"\{\d\}|[^A-Za-z]", "", text))


def modules(packages: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each file of these packages that the page may hear, with what it may say."""
    for package in packages:
        for path in sorted((SOURCE / package).rglob("*.py")):
            if path.stem not in UNHEARD.get(package, "").split():
                for text in sentences(path.read_text("utf-8")):
                    yield text, f"{package}/{path.name}"


def of_cards() -> Iterator[tuple[str, str]]:
    """What the cards of the catalogue and the rows state of policies, and note."""
    for path in sorted((SOURCE / "catalog" / "data").glob("*.toml")):
        yield from stated(tomllib.loads(path.read_text("utf-8")), path.name)
    for row in tomllib.loads((SOURCE / "providers" / "rows.toml").read_text("utf-8"))["row"]:
        yield from stated(row, "rows.toml")


def stated(table: dict[str, Any], file: str) -> Iterator[tuple[str, str]]:
    for owner in (table, *table.get("model", [])):
        yield from ((fact["statement"], file) for fact in owner.get("policy", []))
        if owner.get("note"):
            yield owner["note"], file


@cache
def rooms() -> dict[str, str]:
    return dict(modules(tuple(package for package in PACKAGES if package not in ADAPTERS)))


@cache
def providers() -> dict[str, str]:
    return dict(modules(ADAPTERS)) | dict(of_cards())


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_every_sentence_of_the_server_has_its_translation(path: Path) -> None:
    served = asset(f"lang/told/{path.name}")
    assert served is not None
    known, every = json.loads(served.body), rooms() | providers()
    assert len(rooms()) > 500
    assert len(providers()) > 200
    assert {text: file for text, file in every.items() if text not in known} == {}


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_what_cards_and_adapters_say_lies_with_the_cards(path: Path) -> None:
    own, cards = json.loads(path.read_text("utf-8")), told(path.stem)
    assert own.keys() & cards.keys() == set()
    assert {text: file for text, file in providers().items() if text not in rooms() and text in own} == {}
    assert {text: file for text, file in rooms().items() if text in cards} == {}


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_nothing_is_translated_that_no_card_and_no_adapter_says(path: Path) -> None:
    said = {text for file in (SOURCE / "providers").rglob("*.py") for text in sentences(file.read_text("utf-8"))}
    for file in [*(SOURCE / "catalog" / "data").glob("*.toml"), SOURCE / "providers" / "rows.toml"]:
        said |= set(texts(tomllib.loads(file.read_text("utf-8"))))
    assert told(path.stem).keys() - said == set()


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(inner)


def test_a_language_without_a_file_has_no_sentences() -> None:
    assert told("en") == {}
    assert told("de")


@pytest.mark.parametrize(
    "path", [*LANGUAGES, *sorted(CARDS.glob("*.json"))], ids=lambda path: f"{path.parts[-3]}-{path.stem}"
)
def test_a_sentence_keeps_its_parts(path: Path) -> None:
    for text, said in json.loads(path.read_text("utf-8")).items():
        assert set(re.findall(r"\{\d\}", said)) <= set(re.findall(r"\{\d\}", text)), text
        assert said.strip()


def test_a_new_sentence_would_be_found() -> None:
    assert sentences(
        '''"""Not this one."""\nraise BadError(f"There is no {x} here.", hint="Take another one.")\nlog.info("not this one")'''
    ) == [
        "There is no {0} here.",
        "Take another one.",
    ]
