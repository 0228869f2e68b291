"""Bad input: a clear error that names the field and the way out; nothing is lost and nothing is spent."""

import base64
import io
import json
import socket
from typing import Any

import httpx2 as httpx
import pytest
from PIL import Image
from tests.emulators import Emulators
from tests.emulators.pictures import pixel_bomb
from tests.integration.place import Place

GOOGLE, OPENAI, XAI = "google/gemini-3.1-flash-image", "openai/gpt-image-2", "xai/grok-imagine-image"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"


def png(width: int = 64, height: int = 48) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#3b6").save(out, "PNG")
    return out.getvalue()


def refused(answer: httpx.Response, status: int, code: str, param: str | None) -> dict[str, Any]:
    """The error of an answer, once its form is as it must be."""
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param), error
    assert {"message", "type", "code", "param", "triptych"} == set(error)
    assert {"provider", "class", "billed", "retry_after_s", "attempts"} <= set(error["triptych"])
    assert error["triptych"]["billed"] == "no"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-should-retry"] == "false"
    return error


def untouched(emulators: Emulators) -> None:
    assert [one.name for one in emulators.providers if one.requests] == []


def generate(place: Place, **body: Any) -> httpx.Response:
    return place.http.post(f"{place.url}/v1/images/generations", json=body)


# Models and sizes.


def test_a_model_nobody_knows_gets_the_near_names(place: Place) -> None:
    error = refused(
        place.post("/api/runs", {"text": "x", "models": ["gemini-3.1-flush-image"]}), 404, "unknown_model", "models"
    )
    assert "gemini-3.1-flash-image" in error["message"]
    error = refused(generate(place, model="grok-imagin-image", prompt="x"), 404, "unknown_model", "model")
    assert "grok-imagine-image" in error["message"]
    plan = place.post("/api/plan", {"text": "x", "models": ["zzz"]})
    assert (plan.status_code, plan.json()["allowed"], plan.json()["notes"][0]["kind"]) == (200, False, "error")
    assert "no model named 'zzz'" in plan.json()["reason"]
    run = place.start("x --size 64x64", "demo/aurora")
    refused(place.post(f"/api/runs/{run['id']}/tiles", {"model": "aurorra"}), 404, "unknown_model", "model")
    untouched(place.emulators)


def test_a_size_that_no_chosen_model_makes_gets_the_ones_that_they_make(place: Place) -> None:
    asked = {"text": "x --size 90x90", "models": [XAI, GOOGLE]}
    plan = place.post("/api/plan", asked).json()
    assert plan["allowed"] is False
    error = refused(place.post("/api/runs", asked), 400, "bad_request", "size")
    assert "90x90" in error["message"]
    assert "1k, 2k" in error["message"]
    assert "16:9" in error["message"]
    error = refused(generate(place, model=XAI, prompt="x", size="100x100"), 400, "bad_request", "size")
    assert "16:9" in error["message"]
    refused(generate(place, model=OPENAI, prompt="x", size="9000x10"), 400, "bad_request", "size")
    untouched(place.emulators)


# The prompt.


def test_an_unknown_parameter_is_named_and_not_sent(place: Place) -> None:
    run = place.start("a kettle --stlye raw", XAI)
    assert run["notes"][0]["kind"] == "unknown"
    assert run["notes"][0]["token"] == "--stlye raw"
    assert "Did you mean" in run["notes"][0]["message"]
    assert "not sent" in run["notes"][0]["message"]
    place.ended(run["tiles"][0]["id"])
    assert place.emulators.xai.submits[0].body["prompt"] == "a kettle"


def test_a_parameter_out_of_range_is_clamped_and_said(place: Place) -> None:
    run = place.start("a kettle --stylize 99999", "demo/aurora")
    assert [note["kind"] for note in run["notes"]] == ["clamped"]
    assert "1000" in run["notes"][0]["message"]
    place.ended(run["tiles"][0]["id"])


def test_more_combinations_than_the_cap_are_refused_with_number_and_price(place: Place) -> None:
    text = "a {red, green, blue, black} {cat, dog, fox, hen} in {snow, rain, sun} --ar {1:1, 3:2}"
    asked = {"text": text, "models": [XAI]}
    plan = place.post("/api/plan", asked).json()
    assert (plan["allowed"], plan["prompts"]) == (False, 96)
    assert "96 prompts" in plan["reason"]
    assert "$1.92" in plan["reason"]
    error = refused(place.post("/api/runs", asked), 400, "bad_request", "text")
    assert "96 prompts" in error["message"]
    untouched(place.emulators)


def test_a_million_braces_are_counted_and_not_made(place: Place) -> None:
    asked = {"text": "x" + " {a, b}" * 60, "models": [XAI]}
    refused(place.post("/api/runs", asked), 400, "bad_request", "text")


def test_text_that_cannot_be_written_is_refused(place: Place) -> None:
    half = b'{"text": "x\\ud800", "prompt": "x\\ud800", "model": "%s", "models": ["%s"]}' % (XAI.encode(), XAI.encode())
    answer = place.send("POST", "/api/runs", content=half)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] in {"text", "body"}
    answer = place.http.post(f"{place.url}/v1/images/generations", content=half)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] in {"prompt", "body"}
    untouched(place.emulators)


# Uploads.


def test_a_hundred_megabytes_are_refused_before_they_are_sent(place: Place) -> None:
    size = 100 << 20
    for path, token in (
        ("/api/uploads", f"X-Triptych-Session: {place.app.session}\r\n"),
        ("/v1/images/generations", ""),
    ):
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{place.port}\r\n{token}Content-Length: {size}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", place.port), timeout=60) as raw:
            raw.sendall(head.encode() + b"x" * 1000)
            answer = b""
            while not answer.endswith(b"}}}"):
                answer += raw.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"too_large" in answer
        assert b"MB" in answer


def test_a_hundred_megabytes_that_do_not_say_so_are_cut_off(place: Place) -> None:
    def pieces() -> Any:
        for _ in range(100):
            yield bytes(1 << 20)

    answer = place.send("POST", "/api/uploads", content=pieces())
    error = refused(answer, 413, "too_large", "body")
    assert "50 MB" in error["message"]


def test_an_edit_with_a_picture_of_a_hundred_megabytes(place: Place) -> None:
    files = {"image": ("big.png", png() + bytes(100 << 20), "image/png")}
    answer = place.http.post(f"{place.url}/v1/images/edits", data={"model": OPENAI, "prompt": "x"}, files=files)
    error = refused(answer, 413, "too_large", "image")
    assert "50 MB" in error["message"]
    untouched(place.emulators)


FAKES = [("bomb", pixel_bomb(), "60000x60000"), ("svg", SVG, "SVG"), ("html", HTML, ""), ("text", b"hello", ""),
         ("half", png()[:60], "")]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "words"), FAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_what_only_claims_to_be_a_picture_is_refused(place: Place, name: str, data: bytes, words: str) -> None:
    error = refused(place.send("POST", "/api/uploads", content=data), 400, "bad_request", "image")
    assert words.lower() in error["message"].lower()
    files = {"image": (f"{name}.png", data, "image/png")}
    answer = place.http.post(f"{place.url}/v1/images/edits", data={"model": OPENAI, "prompt": "x"}, files=files)
    refused(answer, 400, "bad_request", "image")
    files["image"] = ("a.png", png(), "image/png")
    files["mask"] = (f"{name}.png", data, "image/png")
    answer = place.http.post(f"{place.url}/v1/images/edits", data={"model": OPENAI, "prompt": "x"}, files=files)
    refused(answer, 400, "bad_request", "mask")
    untouched(place.emulators)


def test_a_mask_of_another_size(place: Place) -> None:
    files = {"image": ("a.png", png(), "image/png"), "mask": ("m.png", png(32, 32), "image/png")}
    answer = place.http.post(f"{place.url}/v1/images/edits", data={"model": OPENAI, "prompt": "x"}, files=files)
    error = refused(answer, 400, "bad_request", "mask")
    assert "32x32" in error["message"]
    assert "64x48" in error["message"]


def test_a_picture_that_was_never_uploaded(place: Place) -> None:
    asked = {"text": "x", "models": [OPENAI], "images": [{"sha256": "0" * 64, "role": "edit"}]}
    refused(place.post("/api/runs", asked), 404, "not_found", "sha256")
    for junk in ("..", "%2e%2e%2fkeys", "zz", "0" * 63, "A" * 64):
        assert place.get(f"/api/uploads/{junk}").status_code in {400, 404}


# Keys.


def test_a_key_that_does_not_work_is_not_kept(place: Place) -> None:
    wrong = "xai-" + "w" * 60
    answer = place.send("PUT", "/api/providers/xai/key", {"key": wrong})
    assert answer.status_code == 200
    assert answer.json()["check"]["ok"] is False
    assert answer.json()["check"]["code"] == "auth"
    assert "does not accept the key" in answer.json()["check"]["message"]
    assert answer.json()["provider"]["key"]["source"] == "environment"
    assert place.make("x", XAI)["state"] == "done"  # the key of before is in use


@pytest.mark.parametrize("key", ["", "  ", "two words", "ünicode" * 4, "x" * 5000, "tab\there", 7, None, ["a"]])
def test_what_cannot_be_a_key(place: Place, key: Any) -> None:
    refused(place.send("PUT", "/api/providers/xai/key", {"key": key}), 400, "bad_request", "key")


def test_keys_for_nobody(place: Place) -> None:
    refused(place.send("PUT", "/api/providers/nobody/key", {"key": "x" * 30}), 404, "not_found", "provider")
    refused(place.send("PUT", "/api/providers/demo/key", {"key": "x" * 30}), 400, "bad_request", "key")
    refused(place.send("PUT", "/api/providers/xai/consent", {"given": True}), 400, "bad_request", "given")


# JSON, fields, addresses.

BODIES = [b"", b"{", b"[]", b"7", b'"x"', b"null", b"\xff\xfe", b'{"a":' * 5000, b'{"prompt": 1e999, "model": "x"}']


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_a_body_that_is_no_object(place: Place, body: bytes) -> None:
    answer = place.http.post(f"{place.url}/v1/images/generations", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert place.send("POST", "/api/runs", content=body).status_code == 400


FIELDS = [
    ("prompt", 7), ("prompt", ""), ("prompt", "   "), ("prompt", None), ("prompt", "x" * 40_000), ("prompt", ["x"]),
    ("model", 7), ("model", "x" * 300), ("n", 0), ("n", 11), ("n", "two"), ("n", 1.5), ("n", True), ("n", 10**30), ("n", []),
    ("size", "big"), ("size", "0x0"), ("size", 1024), ("size", "99999x99999"), ("size", "-1x-1"), ("size", {}),
    ("quality", "best"), ("quality", 3), ("quality", []), ("background", "pink"), ("output_format", "gif"),
    ("output_compression", 101), ("output_compression", "x"), ("moderation", "off"), ("response_format", "hex"),
    ("stream", "maybe"), ("stream", 3), ("partial_images", 4), ("partial_images", -1), ("seed", -1), ("seed", 2**40),
    ("negative_prompt", 5), ("aspect_ratio", "wide"), ("aspect_ratio", "0:1"), ("resolution", "9k"), ("options", "x"),
    ("options", {"google": 5}), ("lane_floor", "secret"), ("allow_model_failover", "perhaps"), ("input_fidelity", "mid"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), FIELDS, ids=lambda value: str(value)[:20])
def test_a_wrong_field_is_named_with_what_it_takes(place: Place, name: str, value: Any) -> None:
    error = refused(generate(place, **{"model": XAI, "prompt": "x", name: value}), 400, "bad_request", name)
    assert name in error["message"]
    untouched(place.emulators)


@pytest.mark.parametrize("user", [5, ["x"], "x" * 600])
def test_a_user_that_is_no_text(place: Place, user: Any) -> None:
    refused(generate(place, model=XAI, prompt="x", user=user), 400, "bad_request", "user")


RUN_FIELDS: list[tuple[str, Any]] = [
    ("text", 7), ("text", None), ("text", "x" * 40_000), ("models", "x"), ("models", [7]), ("models", []), ("n", 0), ("n", 99), ("n", "2"), ("n", True),
    ("images", "x"), ("images", [{}]), ("images", [{"sha256": 5}]), ("images", [{"sha256": "0" * 64, "role": "hat"}]),
    ("images", [{"sha256": "0" * 64, "role": ["x"]}]), ("mask", 5), ("budget_micro_usd", -1), ("budget_micro_usd", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), RUN_FIELDS, ids=lambda value: str(value)[:20])
def test_a_wrong_field_of_a_run_is_named(place: Place, name: str, value: Any) -> None:
    refused(place.post("/api/runs", {"text": "x", "models": [XAI], name: value}), 400, "bad_request", name)
    untouched(place.emulators)


WRONG_CALLS = [
    ("PUT", "/api/selection", {"models": "x"}, "models"),
    ("PUT", "/api/caps", {"day": -1}, "day"),
    ("PUT", "/api/caps", {"day": "much"}, "day"),
    ("PUT", "/api/caps", {"week": 1}, "week"),
    ("PUT", "/api/providers/aihorde/consent", {"given": "yes"}, "given"),
    ("GET", "/api/runs?limit=0", None, "limit"),
    ("GET", "/api/runs?limit=many", None, "limit"),
    ("GET", "/api/runs?limit=1000000", None, "limit"),
    ("GET", "/api/events?since=yesterday", None, "since"),
    ("GET", "/api/events?since=-5", None, "since"),
]


@pytest.mark.parametrize(("method", "path", "body", "param"), WRONG_CALLS)
def test_other_calls_name_their_field_too(place: Place, method: str, path: str, body: Any, param: str) -> None:
    refused(place.send(method, path, body), 400, "bad_request", param)


MISSING = ["/api/runs/run_none", "/api/tiles/tile_none", "/api/images/img_none", "/api/images/img_none/thumb",
           "/api/previews/tile_none", f"/api/uploads/{'0' * 64}", "/nowhere", "/v1/nothing", "/web/x/y.js"]  # fmt: skip


@pytest.mark.parametrize("path", MISSING)
def test_what_is_not_there(place: Place, path: str) -> None:
    answer = place.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "path", ["/api/runs/run_none/restore", "/api/runs/run_none/tiles", "/api/tiles/t/retry", "/api/tiles/t/cancel"]
)
def test_changing_what_is_not_there(place: Place, path: str) -> None:
    assert place.post(path, {"model": "demo/aurora"}).json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/images/generations"), ("DELETE", "/v1/models"), ("PATCH", "/api/runs"), ("POST", "/healthz")],
)
def test_a_method_that_an_address_does_not_take(place: Place, method: str, path: str) -> None:
    answer = place.send(method, path)
    assert answer.status_code == 405
    assert answer.json()["error"]["param"] == "method"
    assert answer.headers["allow"]


FORMS = [
    ({"content-type": "application/json"}, b"{}", "image"),
    ({"content-type": "multipart/form-data; boundary=x"}, b"--x\r\nbroken", "image"),
    ({"content-type": "multipart/form-data"}, b"--x--", "body"),
    ({"content-type": "multipart/form-data; boundary=x"},
     b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + b"y" * (2 << 20) + b"\r\n--x--\r\n", "body"),
    ({"content-type": "multipart/form-data; boundary=x"},
     b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nhello\r\n--x--\r\n', "image"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "body", "param"), FORMS, ids=["json", "broken", "no-boundary", "long-text", "no-image"]
)
def test_an_edit_that_is_no_form(place: Place, headers: dict[str, str], body: bytes, param: str) -> None:
    answer = place.http.post(f"{place.url}/v1/images/edits", content=body, headers=headers)
    refused(answer, 400, "bad_request", param)


def test_a_picture_that_would_be_left_out_is_refused_before_anything_is_spent(place: Place) -> None:
    uri = "data:image/png;base64," + base64.b64encode(png()).decode()
    for name, value in (("image", uri), ("image", [uri]), ("mask", uri), ("input_references", [{"image_url": uri}])):
        error = refused(generate(place, model=OPENAI, prompt="x", **{name: value}), 400, "bad_request", name)
        assert "POST /v1/images/edits" in error["message"]
    files = {"image": ("a.png", png(), "image/png")}
    answer = place.http.post(
        f"{place.url}/v1/images/edits", data={"model": OPENAI, "prompt": "x", "mask": uri}, files=files
    )
    refused(answer, 400, "bad_request", "mask")
    untouched(place.emulators)


def test_too_many_pictures(place: Place) -> None:
    files = [("image[]", (f"{number}.png", png(), "image/png")) for number in range(20)]
    answer = place.http.post(f"{place.url}/v1/images/edits", data={"model": OPENAI, "prompt": "x"}, files=files)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    untouched(place.emulators)


def test_a_client_that_hangs_up_while_it_sends_harms_nobody(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    head = f"POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1:{place.port}\r\nContent-Length: 5000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", place.port), timeout=60) as raw:
        raw.sendall(head.encode() + b'{"prompt": "half')
    assert place.get("/healthz").json() == {"status": "ok"}
    out = capfd.readouterr()
    assert "internal error" not in out.out + out.err


def test_nothing_was_spent_by_any_of_it(place: Place) -> None:
    refused(generate(place, model=XAI, prompt=""), 400, "bad_request", "prompt")

    async def open_ones() -> int:
        return len(await place.app.store.open_reservations())

    assert place.do(open_ones()) == 0
    assert json.loads(place.get("/api/spend").text)["today"]["unknown"] == 0
