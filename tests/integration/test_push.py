"""Web push from a row's end to a browser, through a push service on this machine that reads what a browser would."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

import pytest
from tests.integration.place import PICTURES_HOST, Place, TlsFront
from tests.unit.test_web_push import opened, signed_by

from triptych.app.web_push import new_key, public_of
from triptych.network.jose import encode_url64


@dataclass
class PushService:
    """Where browsers are reached: takes messages for an address, answers `status`, and keeps what came."""

    port: int = 0
    status: int = 201
    came: "Queue[tuple[str, Mapping[str, str], bytes]]" = field(default_factory=Queue)

    def browser(self, name: str, lang: str = "en") -> "Browser":
        return Browser(f"https://{PICTURES_HOST}:{self.port}/push/{name}", lang)


class Browser:
    """One subscription, with the private half that never leaves a browser."""

    def __init__(self, endpoint: str, lang: str) -> None:
        self.endpoint, self.lang = endpoint, lang
        self._key, self._auth = new_key(), b"0123456789abcdef"

    @property
    def json(self) -> dict[str, Any]:
        keys = {"p256dh": encode_url64(public_of(self._key)), "auth": encode_url64(self._auth)}
        return {"endpoint": self.endpoint, "keys": keys, "lang": self.lang}

    def read(self, body: bytes) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(opened(body, self._key, self._auth))
        return found


@pytest.fixture(scope="module")
def service(front: TlsFront) -> Iterator[PushService]:
    made = PushService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.came.put((self.path, dict(self.headers), body))
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(front.certificate, front.certificate.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(60)


@pytest.fixture
def push(service: PushService, place: Place) -> Iterator[PushService]:
    service.status = 201
    yield service
    for one in place.do(place.app.push.browsers()):
        place.do(place.app.push.unsubscribe(one.endpoint))
    assert [name for name, _, _ in service.came.queue] == []


@contextmanager
def kept_watch(place: Place) -> Iterator[None]:
    """What a server does from its start to its end."""
    keeping = place.loop.start(place.app.push.keep())
    yield
    keeping.cancel()


def subscribed(place: Place, push: PushService, name: str, lang: str = "en") -> Browser:
    browser = push.browser(name, lang)
    answer = place.send("PUT", "/api/push", browser.json)
    assert answer.status_code == 204, answer.text
    path, _, body = push.came.get(timeout=60)
    assert path == f"/push/{name}"
    assert browser.read(body)["rows"] == 0  # on trial
    return browser


def test_a_row_that_ends_is_told_sealed_and_without_a_word_of_it(place: Place, push: PushService) -> None:
    key = place.post("/api/push/key", {}).json()["key"]
    browser = subscribed(place, push, "one", "de")
    assert place.send("PUT", "/api/push", browser.json).status_code == 204  # there already: no other trial
    with kept_watch(place):
        run = place.start("a very secret kettle", "relay/picture", "relay/only-url")
        path, headers, body = push.came.get(timeout=60)
    assert path == "/push/one"
    assert browser.read(body) == {"tag": run["id"], "rows": 1, "done": 2, "of": 2, "lang": "de"}
    assert len(body) == 21 + 65 + 200 + 1 + 16  # whatever it says
    assert headers["Content-Encoding"] == "aes128gcm"
    assert headers["Content-Type"] == "application/octet-stream"
    assert int(headers["TTL"]) > 0
    assert len(headers["Topic"]) == 32
    assert run["id"] not in str(headers)
    claims = signed_by(headers["Authorization"])
    assert claims["aud"] == f"https://{PICTURES_HOST}:{push.port}"
    assert 0 < int(str(claims["exp"])) - place.clock.now_ms() / 1000 <= 24 * 3600
    assert "sub" not in claims
    assert headers["Authorization"].endswith(f", k={key}")


def test_what_a_page_shows_is_not_told_and_calls_of_programs_are_not(place: Place, push: PushService) -> None:
    browser = subscribed(place, push, "one")
    desk = place.app.push
    seen = place.make("a kettle", "relay/picture")["run"]
    with place.http.stream("GET", f"{place.url}/api/events") as stream:
        parts = stream.iter_bytes()
        next(parts)
        place.do(desk.tell([seen]))
        del parts
    place.sdk.images.generate(model="relay/picture", prompt="by a program")
    (called,) = [run.id for run in place.do(place.app.store.runs(source="api")).runs]
    place.do(desk.tell([called]))

    async def gone() -> None:
        while desk.is_looked_at:
            await place.app.clock.sleep(0.01)

    place.do(gone())
    place.do(desk.tell([seen, called, "run_none"]))
    assert browser.read(push.came.get(timeout=60)[2]) == {"tag": seen, "rows": 1, "done": 1, "of": 1, "lang": "en"}


def test_a_browser_that_is_gone_is_forgotten_and_other_trouble_is_not_the_run_s(
    place: Place, push: PushService
) -> None:
    gone, busy = subscribed(place, push, "gone"), subscribed(place, push, "busy")
    run = place.make("a kettle", "relay/picture")["run"]
    desk = place.app.push
    push.status = 503
    place.do(desk.tell([run]))
    assert {push.came.get(timeout=60)[0], push.came.get(timeout=60)[0]} == {"/push/gone", "/push/busy"}
    assert {one.endpoint for one in place.do(desk.browsers())} == {gone.endpoint, busy.endpoint}
    push.status = 410
    assert place.send("DELETE", "/api/push", {"endpoint": busy.endpoint}).status_code == 204
    place.do(desk.tell([run]))
    assert push.came.get(timeout=60)[0] == "/push/gone"
    assert place.do(desk.browsers()) == ()
    refused = place.send("PUT", "/api/push", gone.json)
    assert refused.status_code == 502
    assert "push_contact" in refused.json()["error"]["triptych"]["hint"]
    assert push.came.get(timeout=60)[0] == "/push/gone"
    assert place.do(desk.browsers()) == ()


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"endpoint": "http://pictures.example/push"}, None),
        ({"endpoint": "https://192.168.0.7/push"}, None),
        ({"endpoint": 7}, "endpoint"),
        ({"keys": {"p256dh": "AAAA", "auth": encode_url64(bytes(16))}}, "keys.p256dh"),
        ({"keys": {"p256dh": encode_url64(public_of(new_key())), "auth": "AA"}}, "keys.auth"),
        ({"keys": []}, "endpoint"),
    ],
)
def test_what_is_no_subscription_is_refused(place: Place, push: PushService, change: Any, param: str | None) -> None:
    answer = place.send("PUT", "/api/push", push.browser("x").json | change)
    assert 400 <= answer.status_code < 500 or answer.status_code == 502, answer.text
    assert answer.json()["error"]["param"] == param
    assert place.do(place.app.push.browsers()) == ()


def test_only_the_page_may_ask(place: Place, push: PushService) -> None:
    for method, path in (("POST", "/api/push/key"), ("PUT", "/api/push"), ("DELETE", "/api/push")):
        assert place.http.request(method, f"{place.url}{path}", json={}).status_code == 403


def test_the_key_and_who_asked_outlive_the_server_and_are_sealed_on_the_disk(
    own_place: Place, service: PushService
) -> None:
    service.status = 201
    place = own_place.open()
    key = place.post("/api/push/key", {}).json()["key"]
    browser = subscribed(place, service, "kept")
    place.close()
    kept = (place.data / "keys" / "web-push.sealed").read_bytes()
    assert b"pictures.example" not in kept
    place.open()
    assert place.post("/api/push/key", {}).json()["key"] == key
    assert [one.endpoint for one in place.do(place.app.push.browsers())] == [browser.endpoint]
    with kept_watch(place):
        place.make("a kettle", "relay/picture")
        assert browser.read(service.came.get(timeout=60)[2])["done"] == 1
