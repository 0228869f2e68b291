"""What holds for every text."""

import math
import string

from hypothesis import given
from hypothesis import strategies as st

from triptych.studio.prompt import read_prompt
from triptych.studio.prompt.expand import COUNT_CEILING, read_pattern

_GRAMMAR = st.lists(
    st.sampled_from(
        ["{", "}", ",", "\\", '"', "::", "--", " ", "\n", "a", "red kite", "--ar", "4:5", "--s", "1.5", "-", "--no",
         "\N{EM DASH}no", "@img1", "@flux", "--sref", "http://x.y", "/imagine", "prompt:", "[", "null", ":", "--q",
         "99999999999999999999", "--budget", "$", "--m", "\N{LEFT DOUBLE QUOTATION MARK}", "--size", "0x0", "--n"]
    ),
    max_size=40,
).map("".join)  # fmt: skip
_SPECIAL = set('{}\\"@:-/[') | set("\N{LEFT DOUBLE QUOTATION MARK}\N{EM DASH}\N{EN DASH}")
_PLAIN = st.text(min_size=1).filter(lambda text: not _SPECIAL & set(text) and bool(text.strip()))
_OPTION = st.text(string.ascii_letters, max_size=5)


@given(_GRAMMAR | st.text())
def test_reading_never_raises(text: str) -> None:
    plan = read_prompt(text, limit=5, model_names=frozenset({"flux"}))
    assert 1 <= len(plan.prompts) <= 5
    assert plan.count >= len(plan.prompts)


@given(_PLAIN)
def test_text_without_special_characters_passes_unchanged(text: str) -> None:
    plan = read_prompt(text)
    assert plan.count == 1
    assert plan.prompts[0].text == text
    assert plan.prompts[0].settings == {}


@given(st.lists(st.lists(_OPTION, min_size=2, max_size=4), max_size=4))
def test_the_count_is_the_product_of_the_options(groups: list[list[str]]) -> None:
    text = "x " + " ".join("{" + ",".join(options) + "}" for options in groups)
    pattern = read_pattern(text)
    assert pattern.count == math.prod(len(options) for options in groups)
    made = [pattern.nth(index) for index in range(pattern.count)]
    assert len(made) == pattern.count
    if all(len(set(options)) == len(options) for options in groups):
        assert len(set(made)) == pattern.count


@given(
    st.recursive(
        _OPTION,
        lambda inner: st.lists(inner, min_size=2, max_size=3).map(lambda o: "{" + ", ".join(o) + "}"),
        max_leaves=12,
    )
)
def test_nested_groups_add_up(text: str) -> None:
    pattern = read_pattern(text)
    assert pattern.count == text.count(",") + 1
    for index in range(pattern.count):
        assert not set("{},") & set(pattern.nth(index))


def test_an_explosion_is_counted_and_not_made() -> None:
    plan = read_prompt(" ".join(["{a, b, c, d, e, f, g, h}"] * 20))
    assert plan.count == 8**20
    assert len(plan.prompts) == 40
    assert read_prompt("{a,b}" * 5000).count == COUNT_CEILING


def test_deep_and_hostile_texts_end_quickly() -> None:
    for text in ("{" * 50_000, "{a,}" * 5_000 + "}" * 5_000, "[" * 100_000, '"' * 50_001, "::" * 50_000,
                 "--x " * 5_000, "--no " + "," * 50_000, "\N{LEFT DOUBLE QUOTATION MARK}" * 50_000, "\\" * 50_001,
                 "{a," * 3_000 + "}" * 3_000):  # fmt: skip
        assert read_prompt(text, limit=1).count >= 1
