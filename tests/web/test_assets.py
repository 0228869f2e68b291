"""The page's files without a browser: limits, headers, what is served and what is not."""

import gzip
import json
import re
from pathlib import Path

import pytest
from tools import vendor

from triptych.spec.json import Json
from triptych.web import CSP, VERSION, Assets, asset, page
from triptych.web.assets import STYLES
from triptych.web.languages import language

TREE = Assets().tree
BOOT = {"session": "s", "models": [], "selected": [], "runs": []}


def packed(path: str) -> int:
    return len(gzip.compress(TREE.files[path], 9))


def test_the_first_view_is_small() -> None:
    modules = TREE.graph()
    assert modules[0] == "app/main.js"
    assert "vendor/signals-core.js" in modules
    assert "app/compare.js" not in modules
    assert len(modules) <= 15
    assert sum(map(packed, [*modules, "app/theme.js"])) <= 30_000
    assert sum(map(packed, [*STYLES, "style/views.css"])) <= 9_000
    apart = {p for p in TREE.files if p.endswith(".css")} - {*STYLES, "style/views.css"}
    assert all(packed(p) <= 2_000 for p in apart)  # a page of its own brings a sheet of its own
    assert sum(map(packed, STYLES)) <= 8_000


def test_every_import_leads_to_a_file() -> None:
    own = [p for p in TREE.files if p.startswith(("app/", "elements/")) and p.endswith(".js")]
    names = {m for p in own for m in re.findall(r"import\('\./(\w+\.js)'\)", TREE.files[p].decode())}
    assert {"compare.js", "inspector.js", "models.js"} <= names
    assert [n for n in names if f"app/{n}" not in TREE.files] == []
    for path in own:
        assert set(TREE.graph(path)) <= set(TREE.files)


def test_the_vendored_files_are_the_named_ones() -> None:
    assert vendor.check() == []


def test_the_page_is_strict_and_names_one_tree() -> None:
    html, headers = page(BOOT)
    assert headers["Content-Security-Policy"] == CSP
    assert "unsafe" not in CSP
    assert "default-src 'none'" in CSP
    assert headers["Cache-Control"] == "no-store"
    assert not re.search(r"\s(style|on\w+)=", html)
    files = re.findall(r'(?:src|href)="/web/([^"/]+)/([^"#]+)', html)
    assert files
    assert {version for version, _ in files} == {VERSION}
    assert all(asset(path) for _, path in files)


def test_boot_data_cannot_end_its_element() -> None:
    html, _ = page({**BOOT, "runs": [{"text": "</script><script>alert(1)</script>\u2028"}]})
    inside = re.findall(r'<script type="application/json" id="boot">(.*?)</script>', html, re.DOTALL)
    assert len(inside) == 1
    assert json.loads(inside[0])["runs"][0]["text"].startswith("</script>")


def test_the_frame_before_any_script_speaks_the_readers_language() -> None:
    model: dict[str, Json] = {
        "id": "a/b",
        "name": "B",
        "provider": "a",
        "state": "ready",
        "lane": "local",
        "price_micro_usd": 40_000,
    }
    hidden: list[Json] = [{"id": f"a/{n}", "name": str(n), "provider": "a", "state": "off"} for n in range(1_200)]
    html, _ = page({**BOOT, "models": [model, *hidden], "selected": ["a/b"]}, language="de")
    assert '<html lang="de">' in html
    assert 'placeholder="Beschreib ein Bild. Jedes gewählte Modell malt es."' in html
    assert 'aria-label="Galerie"' in html
    assert '<span class="word">dieser Rechner</span>' in html
    assert '<span class="num">0,04\u00a0$</span>' in html
    assert "1.200 weitere Modelle" in html
    html, _ = page({**BOOT, "models": [model, *hidden], "selected": ["a/b"]})
    assert '<html lang="en">' in html
    assert "$0.04<" in html
    assert "1,200 more models" in html


@pytest.mark.parametrize(
    ("accepted", "chosen", "spoken"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", None, "de"),
        ("en-US,en;q=0.9,de;q=0.8", None, "en"),
        ("fr,de;q=0.5,en;q=0.7", None, "en"),
        ("fr;q=1,de;q=0", None, "en"),
        ("de", "en", "en"),
        ("en", "de", "de"),
        ("de;q=x", "no such", "en"),
        ("", None, "en"),
    ],
)
def test_a_language_is_the_chosen_one_or_the_browsers(accepted: str, chosen: str | None, spoken: str) -> None:
    assert language(accepted, chosen) == spoken


def test_model_names_in_the_shell_are_escaped() -> None:
    html, _ = page({**BOOT, "models": [{"id": "x", "name": "<b>", "state": "ready"}]})
    assert '<span class="name">&lt;b&gt;</span>' in html


def test_files_are_cached_for_ever_and_only_under_their_version() -> None:
    found = asset("app/main.js", True, version=VERSION)
    assert found is not None
    assert "immutable" in found.headers["Cache-Control"]
    assert found.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(found.body) == TREE.files["app/main.js"]
    assert asset("app/main.js", version="0000000000") is None
    font = asset("fonts/sans.woff2", True)
    assert font is not None
    assert "Content-Encoding" not in font.headers


@pytest.mark.parametrize("path", ["assets.py", "vendor.toml", "../__init__.py", "app/types.d.ts", "app/", ""])
def test_other_files_are_not_served(path: str) -> None:
    assert asset(path) is None


def test_development_sees_an_edit(tmp_path: Path) -> None:
    for path, data in TREE.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    live, fixed = Assets(tmp_path, development=True), Assets(tmp_path)
    before = live.page(BOOT)[0]
    (tmp_path / "app/help.js").write_text("export const Help = 1;", "utf-8")
    assert live.page(BOOT)[0] != before
    assert fixed.page(BOOT)[0] == before
    assert VERSION in before


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("card", "lineage", "views"),
        ("said", "lineage", "kit"),
        ("short", "edit", "gallery"),
        ("offers", "tasks", "app"),
    ],
)
def test_a_view_that_was_open_changes_no_other(name: str, one: str, other: str) -> None:
    """A sheet that is loaded for one view stays for the next: what two views have is not styled by its bare name."""
    bare = re.compile(rf"(?:^|[}},]\s*|\n\s*)\.{name}\s*[{{,:\[]")
    assert not bare.search(TREE.files[f"style/{one}.css"].decode()), (name, one)
    assert f".{name}" in TREE.files[f"style/{one}.css"].decode() or name == "card"
    assert f".{name}" in TREE.files[f"style/{other}.css"].decode()
