"""What a client sends back is read with suspicion: shape, size, letters, text."""

import json
from typing import Any

import pytest

from triptych.spec.errors import BadRequestError
from triptych.spec.kit import SheetRecord, Shown
from triptych.studio.kit_votes import MOST_BYTES, ballot_of, read_votes, votes_json

GOOD: dict[str, Any] = {
    "triptych": "votes/1", "sheet": "sht_1", "ballot": "0123456789abcdef", "client": "Ada", "comment": "fine",
    "pictures": [{"letter": "A", "vote": "yes", "rank": 1, "comment": "this one"}, {"letter": "B", "vote": None}],
}  # fmt: skip
SHEET = SheetRecord(
    id="sht_1", kit_id="kit_1", created_ms=1, blind=True,
    shown=(Shown(letter="A", picture="img_1", format="fmt_1", take="take_1"), Shown(letter="B", picture="img_2")),
)  # fmt: skip


def sent(**changed: Any) -> bytes:
    return json.dumps(GOOD | changed).encode()


def test_a_file_and_a_text_with_it_are_read_alike() -> None:
    plain = read_votes(sent())
    assert read_votes(b"\xef\xbb\xbf" + sent()) == plain
    around = b"Hello,\nA: yes {and} so\n\n" + sent() + b"\n-- \nAda {"
    assert read_votes(around) == plain
    wrapped = sent(comment="one two").replace(b"one two", b"one\ntwo")
    assert read_votes(wrapped).comment == "one\ntwo"


@pytest.mark.parametrize("data", [
    b"", b"hello", b"[]", b"{}", b"\xff\xfe", b'{"triptych": "votes/1"', b'{"triptych": "votes/2"}',
    b'{"triptych": ' + b"[" * 100_000, b" " * (MOST_BYTES + 1), sent(extra=1), sent(sheet=7), sent(ballot="../x"),
    sent(client="x" * 81), sent(comment="x" * 4001), sent(pictures=[{"letter": "a"}]), sent(pictures=[{"letter": "A", "vote": "YES"}]),
    sent(pictures=[{"letter": "A", "rank": 0}]), sent(pictures=[{"letter": "A", "rank": 1.5}]), sent(pictures=[{"letter": "A", "x": 1}]),
    sent(pictures=[{"letter": "A"}, {"letter": "A"}]), sent(pictures=[{"letter": "A"}] * 101), sent(pictures=None),
    sent(pictures=[{"letter": "A", "comment": "x" * 2001}]),
], ids=lambda data: data[:40].decode("latin1"))  # fmt: skip
def test_everything_else_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(BadRequestError, match="no votes that can be read"):
        read_votes(data)


def test_a_letter_that_is_not_on_the_sheet_is_refused() -> None:
    with pytest.raises(BadRequestError, match="no picture Z"):
        ballot_of(read_votes(sent(pictures=[{"letter": "Z"}])), SHEET, id_="blt_1", now_ms=1)


def test_votes_are_counted_by_picture_and_text_stays_text() -> None:
    hostile = "<script>\u202e\x00\x1b[31m</script>\nline 👩\u200d🎨"
    first = ballot_of(read_votes(sent(client="A\u202eda\n")), SHEET, id_="blt_1", now_ms=1)
    second = ballot_of(
        read_votes(sent(ballot="f" * 16, pictures=[{"letter": "A", "vote": "no", "rank": 2, "comment": hostile}])),
        SHEET, id_="blt_2", now_ms=2,
    )  # fmt: skip
    told: Any = votes_json([SHEET], [first, second])
    (picture,) = [each for each in told["pictures"] if each["picture"] == "img_1"]
    assert (picture["yes"], picture["maybe"], picture["no"], picture["place"]) == (1, 0, 1, 1.5)
    assert (picture["format"], picture["take"]) == ("fmt_1", "take_1")
    assert picture["said"][1]["comment"] == "<script>[31m</script>\nline 👩\u200d🎨"
    assert first.client == "Ada"
    assert [each["answers"] for each in told["ballots"]] == [1, 1]
    assert told["sheets"][0]["answers"] == 2
