"""The gallery's query: every field read, and every wrong part named."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.spec.errors import BadRequestError
from triptych.spec.gallery import GallerySearch
from triptych.spec.image import AspectRatio
from triptych.studio.search import FIELDS, read_query

ENDLESS = 2**62


def _ms(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


def test_all_of_it_together() -> None:
    query = read_query(
        'a "red fox" MODEL:seedream ar:9:16 kept:yes cost:>$0.05 after:2026-11-01 before:2026-12 ref:@img_7f '
        'failed:no project:spring tag:"for the client" stars:>=3 colour:#C12 snow'
    )
    assert query.search == GallerySearch(
        text='a "red fox" snow', models=("seedream",), ratios=(AspectRatio(9, 16),), verdicts=("kept",),
        costs=((50_001, ENDLESS),), times=((_ms(2026, 11, 1), ENDLESS), (0, _ms(2026, 12, 1) - 1)), failed=False,
        projects=("spring",), tags=("for the client",), stars=((3, ENDLESS),),
    )  # fmt: skip
    assert query.colours == ("#cc1122",)
    assert query.references == ("img_7f",)
    assert read_query("color:Red colour:gray").colours == ("red", "grey")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("kept:rejected", "verdicts", ("rejected",)),
        ("kept:no", "verdicts", ("open",)),
        ("stars:5", "stars", ((5, 5),)),
        ("stars:<2", "stars", ((0, 1),)),
        ("cost:0.039", "costs", ((39_000, 39_000),)),
        ("cost:<=1", "costs", ((0, 1_000_000),)),
        ("after:2026", "times", ((_ms(2026, 1, 1), ENDLESS),)),
        ("ref:no", "referring", False),
        ("trash:yes", "trashed", True),
        ("keyvisual:no", "keyed", False),
        ("drift:yes", "watched", True),
        ("drift:chk_1a", "checks", ("chk_1a",)),
        ("ar:3x2", "ratios", (AspectRatio(3, 2),)),
        ("model:a model:b", "models", ("a", "b")),
    ],
)
def test_one_field(text: str, field: str, value: object) -> None:
    assert getattr(read_query(text).search, field) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle:x fox", "modle: is no field"),
        ("fox ar:wide", "ar:wide cannot be read"),
        ("ar:0:16", "ar:0:16 cannot be read"),
        ("ar:", "ar: has no value"),
        ("kept:perhaps", "kept:perhaps cannot be read"),
        ("stars:6", "stars:6 cannot be read"),
        ("stars:many", "stars:many cannot be read"),
        ("cost:cheap", "cost:cheap cannot be read"),
        ("cost:>", "cost:> cannot be read"),
        ("after:2026-13", "after:2026-13 cannot be read"),
        ("after:2026-02-30", "after:2026-02-30 cannot be read"),
        ("before:yesterday", "before:yesterday cannot be read"),
        ("before:0000", "before:0000 cannot be read"),
        ("ref:@kettle", "ref:@kettle cannot be read"),
        ("failed:maybe", "failed:maybe cannot be read"),
        ("color:mauvish", "color:mauvish cannot be read"),
        ("colour:", "colour: has no value"),
        ("colour:#12345", "color:#12345 cannot be read"),
        ('tag:""', 'tag:"" has no value'),
        ("x" * 1001, "1001 letters"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        read_query(text)
    assert said in caught.value.message
    assert caught.value.param == "q"
    assert caught.value.hint or "letters" in said


@pytest.mark.parametrize(
    ("zone", "text", "first"),
    [
        ("Europe/Vienna", "after:2026-11-01", _ms(2026, 10, 31, 23)),
        ("Europe/Vienna", "after:2026-07-01", _ms(2026, 6, 30, 22)),  # in summer
        ("America/Los_Angeles", "after:2026-11", _ms(2026, 11, 1, 7)),
        ("Pacific/Auckland", "after:2026", _ms(2025, 12, 31, 11)),
        ("UTC", "after:2026", _ms(2026, 1, 1)),
    ],
)
def test_days_are_those_of_whoever_asks(zone: str, text: str, first: int) -> None:
    assert read_query(text, zone).search.times == ((first, ENDLESS),)
    assert read_query(text.replace("after", "before"), zone).search.times == ((0, first - 1),)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "Europe", "../../etc/passwd", "/etc/passwd", "", "x" * 99, "\0"])
def test_a_zone_that_is_none_is_named(zone: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        read_query("fox", zone)
    assert (caught.value.param, "zone is" in caught.value.message) == ("zone", True)


def test_a_word_with_a_colon_may_be_quoted() -> None:
    assert read_query('"note: blue"').search.text == '"note: blue"'


def test_the_examples_are_true() -> None:
    for name, example in FIELDS.items():
        read_query(example.split(",")[0].split(" or ")[0])
        assert example.startswith(f"{name}:")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_query(text)
    except BadRequestError as error:
        assert error.param == "q"


@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=20))
def test_any_value_is_read_or_refused(name: str, value: str) -> None:
    try:
        read_query(f"{name}:{value}")
    except BadRequestError as error:
        assert error.param == "q"


@pytest.mark.parametrize("text", ["node/-d1wGF_Mqz/sdxl", '"node/-d1wGF_Mqz/sdxl"', "model:node/-d1wGF_Mqz/sdxl"])
def test_the_whole_id_of_a_nodes_model_names_it_wherever_it_stands(text: str) -> None:
    found = read_query(f"a kite {text}").search
    assert (found.text, found.models) == ("a kite", ("node/-d1wGF_Mqz/sdxl",))
    assert read_query("node/kite/sdxl").search.text == "node/kite/sdxl"
