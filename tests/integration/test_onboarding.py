"""The first minutes: a sample row once, and servers of this machine found by the ports that they open."""

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

from tests.integration.place import Place

from triptych.app.onboarding import KNOWN, SAMPLE_TEXT, local_servers


class Answering(BaseHTTPRequestHandler):
    """A program that knows some paths."""

    answers: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = self.answers.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body or b"{}")

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def program(answers: dict[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """A server on a free port of the loopback address, and what it was asked."""
    packed = {path: json.dumps(body).encode() for path, body in answers.items()}
    asked: list[str] = []
    handler = type("Handler", (Answering,), {"answers": packed, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_the_sample_is_drawn_once_and_by_no_model(place: Place) -> None:
    place.do(place.app.store.put_setting("sample", None))
    state = place.get("/api/state").json()
    assert state["sample"] == "offer"
    run = place.post("/api/sample", {}).json()["run"]
    assert run["text"] == SAMPLE_TEXT
    tiles = [place.ended(tile["id"]) for tile in run["tiles"]]
    assert len(tiles) > 1
    assert {(tile["state"], tile["lane"]) for tile in tiles} == {("done", "local")}
    painters = {model["id"] for model in state["models"] if not model["is_ai"]}
    assert {tile["model"] for tile in tiles} <= painters
    assert all(tile["cost"]["source"] == "free" for tile in tiles)
    assert place.get("/api/state").json()["sample"] == run["id"]
    assert place.post("/api/sample", {}).json()["run"]["id"] == run["id"]
    assert len(place.get("/api/runs").json()["runs"]) == 1


def test_no_sample_where_something_was_made(place: Place) -> None:
    place.do(place.app.store.put_setting("sample", None))
    place.make("a kettle", "demo/aurora")
    assert place.get("/api/state").json()["sample"] is None
    assert place.post("/api/sample", {}).json() == {"run": None}


def test_programs_of_this_machine_are_told_by_what_they_answer(place: Place) -> None:
    openai = {"/v1/models": {"object": "list", "data": [{"id": "flux-dev"}, {"id": "sdxl"}]}}
    comfy: dict[str, Any] = {"/system_stats": {"system": {}, "devices": []}}
    with (
        program(openai) as (at, asked),
        program(comfy) as (other, _),
        program({"/v1/models": {"detail": "no"}}) as (odd, __),
    ):
        ports = {8080: at, 8188: other, 8000: odd}
        known = [replace(one, port=ports[one.port]) for one in KNOWN if one.port in ports]
        found = place.do(local_servers(place.app.client, place.app.clock, known))
        assert asked == ["/v1/models"]
    assert [(one["name"], one["models"]) for one in found] == [("LocalAI", ["flux-dev", "sdxl"]), ("ComfyUI", [])]
    lines = found[0]["lines"]
    assert isinstance(lines, str)
    (endpoint,) = tomllib.loads(lines)["endpoints"].values()
    assert endpoint["base_url"] == f"http://127.0.0.1:{at}/v1"
    assert [model["id"] for model in endpoint["models"]] == ["flux-dev", "sdxl"]
    assert found[1]["lines"] is None
    assert place.do(local_servers(place.app.client, place.app.clock, known)) == []  # stopped: none is there


def test_looking_needs_the_page(place: Place) -> None:
    assert place.http.post(f"{place.url}/api/local-servers", json={}).status_code in {401, 403}
    assert place.http.post(f"{place.url}/api/sample", json={}).status_code in {401, 403}
