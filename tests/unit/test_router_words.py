"""Every reason has words, in the errors and on the page."""

from pathlib import Path
from typing import get_args

from triptych.router import refusal
from triptych.spec.routing import Reason

PAGE = Path(refusal.__file__).parents[1] / "web" / "app" / "route.js"
REASONS = set(get_args(Reason))


def test_every_reason_to_be_out_has_its_sentence() -> None:
    assert (
        set(refusal._WORDS)
        == set(refusal._NEAREST_TO_SUCCESS)
        == REASONS - {"picked", "ranked_lower", "other_model", "probation"}
    )


def test_the_page_knows_every_reason() -> None:
    text = PAGE.read_text("utf-8")
    assert [reason for reason in sorted(REASONS) if f"{reason}: '" not in text] == []
