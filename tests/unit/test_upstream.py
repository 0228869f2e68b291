"""Reading answers: waits, envelopes, base64, and options laid over a body."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.adapter_kit import B64, PNG, answer, request

from triptych.http.message import HttpResponse
from triptych.provider_kit import upstream
from triptych.provider_kit.options import with_options
from triptych.spec.errors import BadRequestError, TriptychError

NOW = "Sat, 21 Nov 2026 08:00:00 GMT"


@pytest.mark.parametrize(("headers", "wait"), [
    ({"retry-after": "7"}, 7.0), ({"retry-after-ms": "250", "retry-after": "7"}, 0.25), ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "Sat, 21 Nov 2026 08:01:30 GMT", "date": NOW}, 90.0),
    ({"retry-after": "Sat, 21 Nov 2026 07:00:00 GMT", "date": NOW}, 0.0),
    ({"retry-after": "Sat, 21 Nov 2026 08:01:30 GMT"}, None), ({"retry-after": "soon", "date": NOW}, None),
    ({"retry-after": "-3"}, None), ({"retry-after": "999999999"}, 86_400.0), ({"retry-after": "٣"}, None), ({}, None),
])  # fmt: skip
def test_how_long_to_wait(headers: dict[str, str], wait: float | None) -> None:
    assert upstream.retry_after(HttpResponse(status=429, headers=headers)) == wait


@pytest.mark.parametrize(("body", "codes", "message"), [
    ({"error": {"code": "c", "type": "t", "message": "m"}}, "c t", "m"), ({"error": "m", "code": "c"}, "c", "m"),
    ({"detail": "m"}, "", "m"), ({"detail": {"error": "m"}}, "", "m"), ({"message": "m", "rc": "R"}, "R", "m"),
    ([{"error": {"status": "S", "message": "m"}}], "S", "m"), ({"errors": ["a", {"message": "b"}]}, "", "a; b"),
    (b"upstream connect error", "", "upstream connect error"), (b"<html><title>502</title>", "", ""), (b"", "", ""),
    ({"error": None}, "", ""), (None, "", "null"), ({"error": {"message": {"deep": 1}}}, "", ""),
])  # fmt: skip
def test_every_envelope(body: Any, codes: str, message: str) -> None:
    fault = upstream.read_fault(answer(body, 400), "acme")
    assert (fault.codes, fault.message) == (codes, message)


def test_long_words_are_cut() -> None:
    error = upstream.error_from(upstream.read_fault(answer({"error": "x" * 5000}, 400), "acme"))
    assert len(error.message) < 700
    assert error.upstream is not None
    assert len(error.upstream) == 600


def test_base64_is_read_strictly() -> None:
    assert upstream.picture_bytes(B64) == upstream.picture_bytes(f"data:image/png;base64,{B64}") == PNG
    for wrong in ("", "A", "AAAA\n", "é", "-_-_", 5, None, ["x"], "data:image/png;base64,"):
        assert upstream.picture_bytes(wrong) is None
    assert upstream.picture_bytes("-_-_", urlsafe=True) == b"\xfb\xff\xbf"


@pytest.mark.parametrize(("value", "count"), [(3, 3), (3.0, 3), (0, 0), (-1, None), (1.5, None), (True, None), ("3", None),
                                              (float("inf"), None), (float("nan"), None), (None, None)])  # fmt: skip
def test_counts(value: Any, count: int | None) -> None:
    assert upstream.as_count(value) == count


def test_options_add_and_replace_what_is_open_but_overrule_nothing() -> None:
    asked = request(options={"acme": {"a": 2, "deep": {"x": 1}}, "other": {"b": 9}})
    assert with_options({"b": 1, "deep": {"y": 2}}, asked, "acme", open_defaults={"a": 1}) == {
        "a": 2, "b": 1, "deep": {"x": 1, "y": 2},
    }  # fmt: skip
    with pytest.raises(BadRequestError) as caught:
        with_options({"deep": {"x": 5}}, asked, "acme")
    assert caught.value.param == "options.acme.deep.x"
    with pytest.raises(BadRequestError):
        with_options({}, asked, "acme", refused=("deep.x",))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "detail", "details", "code", "message", "errors", "status"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(JSON, st.integers(200, 599))
def test_any_body_becomes_an_error_of_ours(body: Any, status: int) -> None:
    error = upstream.error_from(upstream.read_fault(answer(body, status), "acme"))
    assert isinstance(error, TriptychError)
    assert (error.provider, error.code != "error") == ("acme", True)


_LONGER = upstream._LONG + 1
_texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(['"', "\\", '\\"', "a\\", "ä", "\n", ":", '":"', "b64_json"]).map(lambda part: part * 3),
    st.text('abAB09+/="\\ä\n', min_size=1, max_size=4).map(lambda part: part * (_LONGER // len(part) + 1)),
)
_values = st.recursive(
    st.one_of(_texts, st.none(), st.booleans(), st.integers(-9, 9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=6,
)


@given(_values, st.booleans())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_long_strings_are_read_as_all_others(value: Any, spaced: bool) -> None:
    body = json.dumps(value, ensure_ascii=False, separators=(", ", " : ") if spaced else (",", ":")).encode()
    assert upstream.read_json(HttpResponse(status=200, body=body)) == value


@given(st.data())
@settings(max_examples=60)
def test_a_long_answer_that_breaks_off_is_no_json(data: st.DataObject) -> None:
    body = json.dumps({"data": [{"b64_json": "A" * _LONGER}, {"b64_json": 'B\\"' * _LONGER}]}).encode()
    end = data.draw(st.one_of(st.integers(0, len(body) - 1), st.integers(_LONGER - 9, _LONGER + 60)))
    assert upstream.read_json(HttpResponse(status=200, body=body[:end])) is None


@pytest.mark.parametrize("word", [b"1", b'"' + b"a" * _LONGER + b'"'])
@pytest.mark.parametrize("ends", [(b"[", b"]"), (b'{"errors":', b"}")])
def test_an_answer_that_is_nested_too_deep_is_no_json(word: bytes, ends: tuple[bytes, bytes]) -> None:
    for depth in (*range(60, 110), *range(400, 1100, 7), 50_000):
        body = ends[0] * depth + word + ends[1] * depth
        answer = HttpResponse(status=400, body=body)
        assert (upstream.read_json(answer) is None) == (depth > 100)
        assert upstream.error_from(upstream.read_fault(answer, "acme")).message


def test_an_answer_of_many_brackets_that_is_not_deep_is_read() -> None:
    value = {"data": [{"id": [number, {}]} for number in range(500)], "text": "[" * 500}
    assert upstream.read_json(HttpResponse(status=200, body=json.dumps(value).encode())) == value
