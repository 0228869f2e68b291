"""Headlines: what a prompt quotes, whether it stands in what was read, and a reader that may be missing, slow or broken."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from triptych.imaging.ocr import MOST_TEXT, Ocr, OcrError
from triptych.studio.headline import judged, quoted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
Made = Callable[..., Ocr]
NONE = 'if [ "$1" = --list-langs ]; then echo List; exit 0; fi\n'
LISTED = 'if [ "$1" = --list-langs ]; then printf "List of available languages (3):\\nosd\\ndeu\\neng\\n"; exit 0; fi\n'


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A stand-in for Tesseract that does what the script says once it is asked for a text."""

    def script(text: str, *, listed: str = LISTED, timeout_s: float = 20.0) -> Ocr:
        path = tmp_path / "tesseract"
        path.write_text(f"#!/bin/sh\n{listed}{text}\n")
        path.chmod(0o755)
        return Ocr(str(path), timeout_s=timeout_s)

    return script


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ('a poster that says "Tea at Dawn" and "OPEN 24 h"', ("Tea at Dawn", "OPEN 24 h")),
        ("ein Plakat \u201eTee am Morgen\u201c, an \u201cearly cup\u201d, \u00abth\u00e9\u00bb", ("Tee am Morgen", "early cup", "th\u00e9")),
        ('the letter "A", 5" of snow', ()),
        ('"one one" "one one"', ("one one",)),
        (f'"{"far " * 40}"', ()),
    ],
)  # fmt: skip
def test_what_is_quoted(prompt: str, found: tuple[str, ...]) -> None:
    assert quoted(prompt) == found


@pytest.mark.parametrize(
    ("headline", "read", "state"),
    [
        ("Tea at Dawn", "kettle\n Tea at\nDawn \n", "found"),
        ("Tea at Dawn", "TEA AT DAWN", "capitals"),
        ("OPEN 24 h", "OPEN 24h", "found"),
        ("Tea", "Steam", "missing"),
        ("Tea", "Teas", "missing"),
        ("Tea at Dawn", "Tea at Dawm", "missing"),
        ("Don't", "Don\u2019t", "found"),
        ("caf\u00e9", "cafe\u0301", "found"),
        ("50% off!", "now 50% off!", "found"),
    ],
)
def test_whether_it_stands_there(headline: str, read: str, state: str) -> None:
    assert judged(headline, read) == state


async def test_the_reader_gets_the_picture_alone_and_the_languages_there_are(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    ocr = made('printf "%s|%s|" "$*" "${OPENAI_API_KEY:-nothing}"; wc -c')
    assert ocr.path() is not None
    assert (await ocr.read(b"x" * 300_000)).split() == [
        "stdin",
        "stdout",
        "--psm",
        "11",
        "-l",
        "eng+deu|nothing|300000",
    ]


@pytest.mark.parametrize(
    ("script", "listed", "said"),
    [
        ("exit 3", LISTED, "failed"),
        ("exec sleep 60", LISTED, "longer than 0.3 seconds"),
        (f"head -c {MOST_TEXT * 3} /dev/zero; exec sleep 60", LISTED, "more than a picture can hold"),
        ("echo hello", NONE, "no language"),
        ("kill -9 $$", LISTED, "failed"),
    ],
)
async def test_a_reader_that_fails_says_so_and_leaves_nothing_behind(
    made: Made, script: str, listed: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def noted(*command: Any, **options: Any) -> asyncio.subprocess.Process:
        started.append(await start(*command, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    timeout = 0.3 if "seconds" in said else 20.0
    with pytest.raises(OcrError, match=said):
        await made(script, listed=listed, timeout_s=timeout).read(b"x" * 300_000)
    assert started
    assert all(one.returncode is not None for one in started)


async def test_without_a_reader_nothing_is_read(tmp_path: Path) -> None:
    ocr = Ocr(str(tmp_path / "none"))
    assert ocr.path() is None
    with pytest.raises(OcrError, match="no OCR on this machine"):
        await ocr.read(b"")
