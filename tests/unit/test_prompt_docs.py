"""The page about the prompt names every parameter, and nothing that is not one."""

import re
from pathlib import Path
from typing import get_args

from triptych.studio.prompt.parameters import BY_SPELLING
from triptych.studio.prompt.values import NoteKind

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "prompt.md").read_text(encoding="utf-8")


def test_every_parameter_is_in_the_table() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `--")]
    named = [name for row in rows for name in re.findall(r"--([a-z]+)", row)]
    assert sorted(named) == sorted(BY_SPELLING)


def test_every_kind_of_note_is_explained() -> None:
    assert set(get_args(NoteKind)) <= set(re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE))
