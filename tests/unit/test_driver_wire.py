"""The record of what was sent: true by its hash, and safe to show."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.http.message import HttpRequest, Part
from triptych.http.transport import EncodedBody
from triptych.provider_kit.adapter import Auth
from triptych.provider_kit.laws import png
from triptych.provider_kit.wire import placeholder, shown_body, wire_record

PNG = png()
B64 = base64.b64encode(PNG).decode()
SHOWN = f"<image/png, {len(PNG)} bytes, sha256:{hashlib.sha256(PNG).hexdigest()}>"


def body(value: object) -> str | None:
    return shown_body(HttpRequest(url="/", json=value))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"image": B64}, f'{{"image":"{SHOWN}"}}'),
        ({"image": [f"data:image/png;base64,{B64}"]}, f'{{"image":["{SHOWN}"]}}'),
        (
            {"inlineData": {"mimeType": "image/png", "data": B64}},
            f'{{"inlineData":{{"mimeType":"image/png","data":"{SHOWN}"}}}}',
        ),
        ({"image": base64.urlsafe_b64encode(PNG).decode().rstrip("=")}, f'{{"image":"{SHOWN}"}}'),
        ({"prompt": "a kettle", "n": 1, "x": None}, '{"prompt":"a kettle","n":1,"x":null}'),
        ({"prompt": "a" * 40}, '{"prompt":"' + "a" * 40 + '"}'),
        ({"prompt": "data: fog; base64, no"}, '{"prompt":"data: fog; base64, no"}'),
    ],
)
def test_pictures_are_replaced_and_nothing_else(value: object, shown: str) -> None:
    assert body(value) == shown


def test_unknown_bytes_are_replaced_too() -> None:
    data = bytes(range(256)) * 20
    text = base64.b64encode(data).decode()
    assert (
        body({"x": text})
        == f'{{"x":"<application/octet-stream, 5120 bytes, sha256:{hashlib.sha256(data).hexdigest()}>"}}'
    )
    assert "data:" not in (body({"x": "data:image/webp;base64,!!!"}) or "")


def test_a_form_is_shown_part_by_part() -> None:
    request = HttpRequest(
        url="/", parts=(Part(name="prompt", data=b"a kettle"), Part(name="image", data=PNG, filename="a.png"))
    )
    assert shown_body(request) == (
        f'[{{"name":"prompt","content":"a kettle"}},{{"name":"image","filename":"a.png","content":"{SHOWN}"}}]'
    )


def test_the_hash_is_over_the_true_body() -> None:
    true = EncodedBody(b'{"image":"..."}', "application/json")
    record = wire_record(HttpRequest(url="/x", json={"image": B64}), "https://a.example/x", true)
    assert record.body_sha256 == hashlib.sha256(true.data).hexdigest()
    assert record.headers == {"Content-Type": "application/json"}
    empty = wire_record(HttpRequest(method="GET", url="/x"), "https://a.example/x", None)
    assert (empty.body, empty.body_sha256) == (None, None)


def test_credentials_are_never_in_it_but_their_place_is() -> None:
    request = HttpRequest(
        url="/x", headers={"X-Api-Key": "s3cret", "authorization": "s3cret", "Cookie": "s3cret", "X-Mode": "fast"}
    )
    url = "https://a.example/x?size=1&key=s3cret&X-Amz-Signature=s3cret&access_token=s3cret&monkey=1"
    record = wire_record(request, url, None, Auth(header="Authorization"))
    assert "s3cret" not in repr(record)
    assert (record.headers["Authorization"], record.headers["X-Mode"]) == ("Bearer <key>", "fast")
    assert "authorization" not in record.headers
    assert record.url.startswith("https://a.example/x?size=1&key=<hidden>")


@given(st.binary(min_size=60, max_size=200))
def test_bytes_of_a_picture_never_reach_the_record(data: bytes) -> None:
    text = base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()
    for shown in (body({"image": text}), body([f"data:image/png;base64,{text}"])):
        assert shown is not None
        assert text[12:60] not in shown


def test_a_placeholder_says_what_the_bytes_are_not_what_was_claimed() -> None:
    assert placeholder(PNG, "image/jpeg") == SHOWN
    assert placeholder(b"abc", "image/jpeg").startswith("<image/jpeg, 3 bytes, ")
