"""Who may use the server, what it never gives away, and how it hands out pictures."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.emulators import Kind, Scenario
from tests.integration.place import SESSION, Place

from triptych.server.studio_api import StudioApi

GOOGLE, OPENAI, XAI = "google/gemini-3.1-flash-image", "openai/gpt-image-2", "xai/grok-imagine-image"


def test_only_this_machines_names_are_answered(place: Place) -> None:
    port = place.port
    for host in (
        "evil.example",
        f"evil.example:{port}",
        f"127.0.0.1.evil.example:{port}",
        "192.168.1.5",
        "[::1",
        "",
        "a b",
    ):
        answer = place.get("/api/state", headers={"Host": host})
        assert answer.status_code in {400, 403}, host
        assert place.app.session not in answer.text
    for host in (
        f"127.0.0.1:{port}",
        f"localhost:{port}",
        f"LOCALHOST:{port}",
        f"[::1]:{port}",
        f"studio.localhost:{port}",
    ):
        assert place.get("/healthz", headers={"Host": host}).status_code == 200, host


def test_pages_of_other_sites_are_refused(place: Place) -> None:
    body = {"model": XAI, "prompt": "x"}
    for origin in ("http://evil.example", "https://127.0.0.1.evil.example", f"http://127.0.0.1:{place.port + 1}",
                   "null", "file://", "http://[", f"ftp://127.0.0.1:{place.port}"):  # fmt: skip
        answer = place.http.post(f"{place.url}/v1/images/generations", json=body, headers={"Origin": origin})
        assert answer.status_code == 403, origin
        assert answer.json()["error"]["code"] == "forbidden"
        assert "access-control-allow-origin" not in answer.headers
        assert place.post("/api/runs", {"text": "x", "models": [XAI]}, headers={"Origin": origin}).status_code == 403
    assert place.get("/api/state", headers={"Origin": "http://evil.example"}).status_code == 403
    assert place.emulators.xai.requests == []
    assert place.get("/api/state", headers={"Origin": place.url}).status_code == 200


CHANGES = [
    ("POST", "/api/plan"), ("POST", "/api/runs"), ("DELETE", "/api/runs/r"), ("POST", "/api/runs/r/restore"),
    ("POST", "/api/runs/r/tiles"), ("POST", "/api/tiles/t/retry"), ("POST", "/api/tiles/t/retry-now"),
    ("POST", "/api/tiles/t/cancel"), ("POST", "/api/uploads"), ("PUT", "/api/selection"), ("PUT", "/api/providers/xai/key"),
    ("DELETE", "/api/providers/xai/key"), ("POST", "/api/providers/xai/check"), ("PUT", "/api/providers/aihorde/consent"),
    ("POST", "/api/keys/recognise"), ("PUT", "/api/caps"), ("PUT", "/api/images/i/restored"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("token", [None, "", "wrong", "ünïcode"])
def test_every_change_needs_the_token_of_the_page(place: Place, method: str, path: str, token: str | None) -> None:
    headers = {} if token is None else {SESSION: token.encode("utf-8")}
    answer = place.http.request(method, place.url + path, json={}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"


def test_every_changing_call_of_the_page_is_in_that_list(place: Place) -> None:
    known = {(method, re.sub(r"/(r|t|i|xai|aihorde)(?=/|$)", "/{id}", path)) for method, path in CHANGES}
    routes = {
        (method, route.path)
        for route in StudioApi(place.app).routes()
        for method in (route.methods or set()) - {"GET", "HEAD"}
    }
    assert routes == known


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_keys_are_in_no_answer_no_log_and_no_file(own_place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place = own_place.open()
    em = place.emulators
    pasted = em.google.key
    assert place.send("PUT", "/api/providers/google/key", {"key": pasted}).json()["check"]["ok"] is True
    secrets = [em.google.key, em.xai.key, em.openai.key, em.ark.key, em.relay.key, em.together.key]
    answers: list[str] = []
    for kind in (Kind.SUCCESS, Kind.WRONG_KEY, Kind.SERVER_ERROR, Kind.TRUNCATED_BODY, Kind.CUT_AFTER_READ):
        for one, model in ((em.google, GOOGLE), (em.openai, OPENAI), (em.xai, XAI)):
            place.fresh()
            one.play(kind)
            tile = place.make("a kettle", model)
            answers.append(place.get(f"/api/tiles/{tile['id']}").text)
            place.fresh()
            one.play(Scenario(kind))
            answers.append(
                place.http.post(f"{place.url}/v1/images/generations", json={"model": model, "prompt": "x"}).text
            )
    answers += [
        place.get(path).text for path in ("/", "/models", "/api/state", "/api/models", "/api/runs", "/v1/models")
    ]
    answers += [str(event) for event in place.events(0)]
    place.close()
    logged = capfd.readouterr()
    for secret in secrets:
        assert not any(secret in text for text in answers)
        assert secret not in logged.out + logged.err
        for path in files_below(place.data):
            assert secret.encode() not in path.read_bytes(), path.name
    kept = place.data / "keys"
    for path in [kept, *kept.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_a_key_is_shown_by_its_end_alone_and_can_be_forgotten(own_place: Place) -> None:
    place = own_place.open()
    key = place.emulators.google.key
    shown = place.send("PUT", "/api/providers/google/key", {"key": f"  {key} \n"}).json()["provider"]["key"]
    assert (shown["source"], shown["hint"]) == ("vault", f"…{key[-4:]}")
    place.close()
    place.open()
    listed = {p["id"]: p for p in place.get("/api/models").json()["providers"]}
    assert listed["google"]["key"]["source"] == "vault"
    assert place.make("x", GOOGLE)["state"] == "done"
    forgotten = place.send("DELETE", "/api/providers/google/key").json()["provider"]["key"]
    assert forgotten["source"] == "environment"
    assert place.post("/api/keys/recognise", {"key": key}).json() == {"providers": ["google"]}


def test_a_key_works_at_once_without_a_restart(own_place: Place) -> None:
    own_place.environ = {name: value for name, value in own_place.environ.items() if name != "GEMINI_API_KEY"}
    place = own_place.open()
    refused = place.post("/api/runs", {"text": "x", "models": [GOOGLE]})
    assert refused.status_code == 400
    assert "No key for Google yet" in refused.json()["error"]["message"]
    since = place.app.bus.last_id()
    place.send("PUT", "/api/providers/google/key", {"key": place.emulators.google.key})
    assert place.emulators.google.submits == ()  # trying it costs nothing
    told = [event for event in place.events(since) if event["type"] == "models"]
    states = {model["id"]: model["state"] for model in told[-1]["models"]}
    assert states[GOOGLE] == "ready"
    assert place.make("x", GOOGLE)["state"] == "done"


def test_a_key_on_trial_is_not_used_by_others(own_place: Place) -> None:
    place = own_place.open()
    wrong = "AIza" + "w" * 35
    trial = Scenario(Kind.WRONG_KEY, on="models", delay_s=0.3)
    place.emulators.google.play(trial)
    asked = place.start_thread(lambda: place.send("PUT", "/api/providers/google/key", {"key": wrong}))
    for _ in range(400):
        if place.emulators.google.requests:
            break
        place.http.get(f"{place.url}/healthz")
    tile = place.make("x", GOOGLE)
    assert tile["state"] == "done"
    assert place.emulators.google.submits[0].headers["x-goog-api-key"] == place.emulators.google.key
    assert asked.result(60).json()["check"]["ok"] is False


PAGE_HEADERS = {"x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin"}


def test_pictures_are_handed_out_so_that_nothing_in_them_can_run(place: Place) -> None:
    tile = place.make("a kettle", XAI)
    image = tile["images"][0]
    for path in (image["url"], image["thumb"], image["view"], f"{image['url']}?download=1"):
        answer = place.get(path)
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["content-type"] in {"image/png", "image/jpeg", "image/webp"}
        # What is taken home may carry content credentials one day and none the next.
        assert ("no-store" if "download" in path else "immutable") in answer.headers["cache-control"]
    assert {place.get(image[name]).content[8:12] for name in ("thumb", "view")} == {b"WEBP"}


def test_a_download_has_a_name_in_any_language(place: Place) -> None:
    for prompt, name in (
        ("чайник на камне", "UTF-8''%D1%87"),
        ("山の朝", "UTF-8''"),
        ("a kettle", 'filename="kettle_'),
    ):
        image = place.make(f"{prompt} --size 64x64", "demo/aurora")["images"][0]
        answer = place.get(f"{image['url']}?download=1")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert name in answer.headers["content-disposition"]
        assert answer.headers["content-disposition"].isascii()


@pytest.mark.parametrize("path", ["/api/state", "/api/models", "/api/runs", "/v1/models", "/api/spend"])
def test_answers_cannot_be_loaded_by_other_sites_or_kept(place: Place, path: str) -> None:
    headers = place.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert {name: headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert "access-control-allow-origin" not in headers


def test_the_page_may_load_and_run_its_own_files_only(place: Place) -> None:
    answer = place.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert place.app.session in answer.text


def test_an_upload_is_shown_without_what_hides_in_it(place: Place) -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "#25a").save(out, "BMP")
    answer = place.send("POST", "/api/uploads", content=out.getvalue())
    if answer.status_code == 201:
        shown = place.get(answer.json()["url"])
        assert shown.headers["content-type"] in {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"}
        assert "sandbox" in shown.headers["content-security-policy"]
    else:
        assert answer.json()["error"]["param"] == "image"


def test_what_was_sent_is_shown_without_the_key_and_without_the_bytes(place: Place) -> None:
    uploaded = place.upload(png())
    tile = place.make("x", GOOGLE, images=[{"sha256": uploaded["sha256"], "role": "edit"}])
    detail: dict[str, Any] = place.get(f"/api/tiles/{tile['id']}").json()
    wire = detail["attempts"][0]["wires"][0]
    assert wire["url"].endswith(":generateContent")
    assert place.emulators.google.key not in str(wire)
    assert uploaded["sha256"][:12] in wire["body"]
    assert len(wire["body"]) < 4000
    assert re.fullmatch(r"[0-9a-f]{64}", wire["body_sha256"])
    assert detail["decisions"][0]["candidates"][0]["reason"] == "picked"


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "#3b6").save(out, "PNG")
    return out.getvalue()
