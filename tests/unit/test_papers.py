"""Documents that leave the studio, in each of its languages: every text has one, none is kept that nobody says."""

import io
import json
import re
from typing import Any

import pytest
from PIL import Image

from triptych.network.usage.report import Report, Row, Source
from triptych.spec.kit import SheetRecord
from triptych.studio.grid_page import PageAxis, PageCell, grid_html
from triptych.studio.kit_pdf import contact_sheet
from triptych.studio.kit_sheet import VOTES, SheetPicture, sheet_html
from triptych.studio.papers import ENGLISH, Words
from triptych.web import assets, usage
from triptych.web.languages import LANGUAGES, words_of

OTHERS = [tag for tag in LANGUAGES if tag != "en"]


class Heard(dict[str, str]):
    """A catalogue that notes what was looked for in it."""

    def __init__(self, known: Any) -> None:
        super().__init__(known)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def picture(**more: Any) -> SheetPicture:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG")
    return SheetPicture(
        letter="A", data=out.getvalue(), media_type="image/jpeg", width=8, height=8, alt="a kettle", **more
    )


def report(**more: Any) -> Report:
    rows = [
        Row(part=part, period=period, by=by, name=name, weights=weights, requests=1234, share_bp=5000, done=1200, done_bp=9720,
            spend_micro_usd=1_500_000, spend_unknown=2, p50_ms=1500, low_bp=10, high_bp=20, win_bp=15)
        for part, period, by, name, weights in (
            ("models", "all", "model", "openai/gpt-image-2", "closed"), ("models", "all", "model", "aihorde/flux", "open"),
            ("models", "all", "all", "all", None), ("models", "all", "lane", "commercial", None), ("models", "all", "provider", "openai", None),
            *(("models", "all", "weights", name, None) for name in ("open", "closed", "unknown", "other")),
            ("models", "2026-11", "model", "other", None), ("models", "2026-11-21", "all", "all", None),
            ("preferences", "all", "model", "openai/gpt-image-2", None), ("painters", "all", "model", "demo/aurora", None),
        )
    ]  # fmt: skip
    plain = {"log": Source(origin="here", entries=9, root="r"), "least": 20, "models": 1234, "painters": 5, "picks": 3, "others": {"epoch": 1},
             "signers": [], "missing": {"k": 2}, "weights_as_of": "2026-11-01", "weights_sha256": "w", "rows": tuple(rows)}  # fmt: skip
    return Report(**{**plain, **more})


def papers(words: Words) -> dict[str, str]:
    """One of each, with everything on it that may stand there."""
    shown = [picture(title="1:1", facts=(words.cost(0), words.cost(None), words.cost(1_234_500)))]
    sheet = SheetRecord(id="sht_1", kit_id="kit_1", created_ms=0, blind=True, shown=(), options={})
    contact_sheet("\u72d0", shown, words.day(0), words)
    words("Picture {0}", "A")
    axes = [PageAxis(label=label, labels=["x"]) for label in ("Model", "Model", "Model")]
    whys = ["Not made.", "Still being made.", "There is no picture."]
    cells = [PageCell(at=(0, 0, 0), alt="", data=b"x", size=(1, 2), name="n", cost="", reason="", adjusted=[]),
             *(PageCell(at=(0, 0, 0), alt="", data=b"", size=(0, 0), name="", cost="", reason=why, adjusted=[]) for why in whys)]  # fmt: skip
    return {
        "sheet": sheet_html(sheet, "Kettles", "kettles", shown, words),
        "grid": grid_html("", axes, [*cells], made_ms=0, prices=True, words=words) + grid_html("t", axes[:1], [], made_ms=0, prices=True, words=words),
        "usage": usage.page(report(), "http://here", words) + usage.page(report(rows=()), "http://here", words),
        "waiting": usage.waiting(1, 1234, words),
    }  # fmt: skip


@pytest.mark.parametrize("tag", OTHERS)
def test_every_text_has_its_translation_and_none_is_kept_that_nobody_says(tag: str) -> None:
    known = json.loads((assets.ROOT / "lang" / "papers" / f"{tag}.json").read_text("utf-8"))
    heard = Heard(known)
    made = papers(Words(tag, heard))
    names = {"openai/gpt-image-2", "aihorde/flux", "demo/aurora", "commercial", "openai", "2026-11-21", ""}
    assert heard.asked - set(known) - names == set()
    assert set(known) - heard.asked == set()
    for text, said in known.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", said)), text
    for name, html in made.items():
        assert f'<html lang="{tag}">' in html, name
        plain = re.sub(r"<script>.*?</script>|data-words=\"[^\"]*\"", "", html, flags=re.DOTALL)
        assert not re.search(r"\{\d\}|\0", plain), name


@pytest.mark.parametrize("tag", LANGUAGES)
def test_each_answer_of_a_sheet_has_a_key_of_its_own(tag: str) -> None:
    assert len({words_of(tag)(name)[0].lower() for _, name in VOTES}) == len(VOTES)


def test_numbers_prices_and_days_are_written_as_in_the_language() -> None:
    german = words_of("de")
    assert (ENGLISH.number(1234567), german.number(1234567)) == ("1,234,567", "1.234.567")
    assert (ENGLISH.number(97.25, 1), german.number(97.25, 1)) == ("97.2", "97,2")
    assert (ENGLISH.cost(39_000), german.cost(39_000)) == ("$0.039", "$0,039")
    assert (ENGLISH.day(0), german.day(0)) == ("1970-01-01", "01.01.1970")
    assert words_of("tlh") is ENGLISH


def test_a_usage_page_says_it_in_german_with_the_same_exact_values() -> None:
    english, german = (usage.page(report(), "http://here", words_of(tag)) for tag in ("en", "de"))
    assert "1.234" in german
    assert "<h1>Nutzung</h1>" in german
    assert re.findall(r'<data value="(\d+)"', english) == re.findall(r'<data value="(\d+)"', german)
