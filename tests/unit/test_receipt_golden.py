"""The golden receipts say in Python what they were published with. The browser says the same in tests/web."""

import json
from typing import Any

import pytest
from tests.vectors import make_receipts

from triptych.imaging.bare import bare
from triptych.network.jose import decode_url64

VECTORS = json.loads(make_receipts.FILE.read_text("utf-8"))


@pytest.mark.parametrize("name", VECTORS["cases"])
def test_a_golden_receipt_says_its_lines(name: str) -> None:
    case: dict[str, Any] = VECTORS["cases"][name]
    assert make_receipts.lines(case) == case["lines"]


def test_the_golden_receipts_walk_every_line_and_verdict() -> None:
    said = {(what, verdict) for case in VECTORS["cases"].values() for what, verdict, _ in case["lines"]}
    assert {
        *(("signature", verdict) for verdict in ("proved", "FALSE")),
        *((what, verdict) for what in ("signer", "log", "policy", "snapshot", "decision", "request")
          for verdict in ("proved", "not checked", "FALSE")),
        ("witnesses", "proved"), ("witnesses", "not checked"), ("image a.png", "proved"), ("image b.png", "FALSE"),
        ("images", "not checked"), ("fee", "proved"), ("fee", "not checked"), ("price", "not checked"),
    } <= said  # fmt: skip


def test_what_is_left_without_content_credentials_is_as_published() -> None:
    assert [bare(decode_url64(one["data"]) or b"") for one in VECTORS["bare"]] == [
        decode_url64(one["bare"]) for one in VECTORS["bare"]
    ]


def test_the_golden_headers_are_read_as_published() -> None:
    told = VECTORS["headers"]
    assert [make_receipts.head_of(one["data"]) for one in told] == [one["header"] for one in told]
    assert {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"} <= {
        one["header"][0] for one in told if one["header"]
    }
