"""The first minutes: a sample row once, and servers of this machine found by the ports that they open."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from unittest import mock

import pytest
from tests.emulators.client import png
from tests.integration.place import Place

from triptych.app import onboarding
from triptych.app.onboarding import SAMPLE_TEXT
from triptych.provider_kit import local_servers
from triptych.provider_kit.local_servers import KNOWN, draws


class Answering(BaseHTTPRequestHandler):
    """A program that knows some paths."""

    answers: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = self.answers.get(self.path)
        self.send_response(404 if body is None else self.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body or b"{}")

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def program(answers: dict[str, Any], status: int = 200) -> Iterator[tuple[int, list[str]]]:
    """A server on a free port of the loopback address, and what it was asked; `status` goes with what it knows."""
    packed = {path: json.dumps(body).encode() for path, body in answers.items()}
    asked: list[str] = []
    handler = type("Handler", (Answering,), {"answers": packed, "asked": asked, "status": status})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


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
    place.make("a kettle --size 64x64", "demo/aurora")
    assert place.get("/api/state").json()["sample"] is None
    assert place.post("/api/sample", {}).json() == {"run": None}


OPENAI = {"/v1/models": {"object": "list", "data": [{"id": "flux-dev"}, {"id": "llama-3"}]}}


@contextmanager
def known_at(**ports: int) -> Iterator[None]:
    """The known programs, at the ports where tests have put them."""
    moved = [replace(one, port=ports[f"at_{one.port}"]) for one in KNOWN if f"at_{one.port}" in ports]
    with mock.patch.object(onboarding, "KNOWN", moved), mock.patch.object(local_servers, "_WAIT_S", 60.0):
        yield


def test_programs_of_this_machine_are_told_by_what_they_answer(place: Place) -> None:
    comfy: dict[str, Any] = {"/system_stats": {"system": {}, "devices": []}}
    with (
        program(OPENAI) as (at, asked),
        program(comfy) as (other, _),
        program({"/v1/models": {"detail": "no"}}) as (odd, __),
        known_at(at_8080=at, at_8188=other, at_8000=odd),
    ):
        found = place.post("/api/local-servers", {}).json()["servers"]
        assert asked == ["/v1/models"]
    told = [(one["name"], one["models"], one["row"], one["added"]) for one in found]
    assert told == [("LocalAI", ["flux-dev"], f"local-{at}", []), ("ComfyUI", [], f"local-{other}", [])]
    with known_at(at_8080=at, at_8188=other):
        assert place.post("/api/local-servers", {}).json() == {"servers": []}  # stopped: none is there


TEXT_ONLY = {"/v1/models": {"object": "list", "data": [{"id": "meta-llama/Llama-3.1-8B-Instruct", "owned_by": "vllm"}]}}
PICTURES = {
    "/v1/models": {"object": "list", "data": [{"id": "Qwen/Qwen-Image", "owned_by": "vllm"}, {"id": "Qwen/Qwen3-8B"}]}
}


def test_a_server_of_text_at_such_a_port_is_not_offered_as_one_that_draws(place: Place) -> None:
    with (
        program(TEXT_ONLY) as (at, _),
        program({"/models": {"model_path": "Qwen/Qwen3-8B", "object": "list"}}) as (sglang, _),
        known_at(at_8080=at, at_8000=at, at_1234=at, at_30000=sglang),
    ):
        assert place.post("/api/local-servers", {}).json() == {"servers": []}
    with program(PICTURES) as (at, _), known_at(at_8000=at, at_1234=at):  # another program's port, too
        (found,) = place.post("/api/local-servers", {}).json()["servers"]
    assert (found["name"], found["models"]) == ("An OpenAI-compatible server", ["Qwen/Qwen-Image"])


def test_sglang_is_told_by_what_its_model_makes_and_drawn_with(own_place: Place) -> None:
    place = own_place.open()
    picture = {"data": [{"b64_json": base64.b64encode(png()).decode()}]}
    told = {"model_path": "Qwen/Qwen-Image", "task_type": "T2I", "num_gpus": 1}
    with program({"/models": told | {"task_type": "T2V"}}) as (at, _), known_at(at_30000=at):
        assert place.post("/api/local-servers", {}).json() == {"servers": []}  # it makes films
    with program({"/models": told, "/v1/images/generations": picture}) as (at, _), known_at(at_30000=at):
        row = f"local-{at}"
        answer = place.send("PUT", f"/api/local-servers/{row}", {"models": ["Qwen/Qwen-Image"]})
        assert answer.status_code == 200, answer.text
        assert place.make("a kettle", f"{row}/qwen-image")["state"] == "done"


@pytest.mark.parametrize(("name", "it_does"), [
    ("black-forest-labs/FLUX.1-schnell", True), ("stabilityai/stable-diffusion-3.5-large", True), ("sd-cpp-local", True), ("sdxl-turbo", True),
    ("Qwen/Qwen-Image-Edit", True), ("Tongyi-MAI/Z-Image-Turbo", True), ("stablediffusion", True), ("dreamshaper", True), ("Efficient-Large-Model/Sana_1600M", True),
    ("gpt-oss-120b", False), ("Qwen/Qwen2.5-VL-7B", False), ("whisper-1", False), ("meta-llama/Llama-3.1-8B", False), ("sdk-helper-7b", False),
    ("all-MiniLM-L6-v2", False), ("facebook/ImageBind", False), ("osana-7b", False),
])  # fmt: skip
def test_a_name_tells_whether_a_model_draws(name: str, it_does: bool) -> None:
    assert draws(name) is it_does


def endpoints(place: Place) -> dict[str, Any]:
    return {one["id"]: one for one in place.get("/api/models").json()["providers"] if one["own"]}


def test_a_server_is_added_by_a_click_used_kept_over_a_restart_and_taken_out(own_place: Place) -> None:
    picture = {"data": [{"b64_json": base64.b64encode(png()).decode()}]}
    place = own_place.open()
    before = place.get("/v1/router/policy").json()["id"]
    with program(OPENAI | {"/v1/images/generations": picture}) as (at, _), known_at(at_8080=at):
        row = f"local-{at}"
        since = place.app.bus.last_id()
        answer = place.send("PUT", f"/api/local-servers/{row}", {"models": ["flux-dev"]})
        assert answer.status_code == 200, answer.text
        assert [one["id"] for one in answer.json()["models"] if one["provider"] == row] == [f"{row}/flux-dev"]
        assert "models" in {event["type"] for event in place.events(since)}  # every page hears of it
        added = endpoints(place)[row]
        assert (added["name"], added["base_url"], added["needs_key"]) == ("LocalAI", f"http://127.0.0.1:{at}/v1", False)
        assert place.get("/v1/router/policy").json()["id"] != before  # it names the catalogue that decides
        tile = place.make("a kettle", f"{row}/flux-dev")
        assert (tile["state"], tile["lane"], tile["cost"]["source"]) == ("done", "local", "free")
        (found,) = place.post("/api/local-servers", {}).json()["servers"]
        assert found["added"] == ["flux-dev"]
        assert place.post(f"/api/providers/{row}/check", {}).json()["check"]["message"] == "The server answers."
        place.close()
        place.open()
        assert list(endpoints(place)) == [row]
        assert place.make("a kettle", f"{row}/flux-dev")["state"] == "done"
    failed = place.post(f"/api/providers/{row}/check", {}).json()["check"]
    assert failed["ok"] is False
    assert f"Nothing listens at 127.0.0.1:{at}" in failed["message"]
    gone = place.send("DELETE", f"/api/local-servers/{row}")
    assert gone.status_code == 200
    assert endpoints(place) == {}
    assert place.tile(tile["id"])["state"] == "done"  # what was made stays
    assert place.get("/v1/router/policy").json()["id"] == before
    assert place.send("DELETE", f"/api/local-servers/{row}").status_code == 404
    place.close()
    place.open()
    assert endpoints(place) == {}


def test_only_what_a_server_lists_is_added_and_only_what_was_added_is_taken_out(place: Place) -> None:
    with program(OPENAI) as (at, _), known_at(at_8080=at):
        for row, models, status, param in (
            (f"local-{at}", ["sdxl"], 400, "models"),
            (f"local-{at}", [], 400, "models"),
            (f"local-{at}", "flux-dev", 400, "models"),
            ("local-1", ["flux-dev"], 404, "row"),
        ):
            answer = place.send("PUT", f"/api/local-servers/{row}", {"models": models})
            assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert place.send("DELETE", "/api/local-servers/relay").status_code == 404  # that one stands in triptych.toml
    assert endpoints(place) == {}


def test_a_policy_that_is_bound_to_its_models_takes_no_other(own_place: Place) -> None:
    place = own_place.open()
    bound = place.get("/v1/router/policy").json()["policy"]
    (place.data / "bound.json").write_text(json.dumps(bound))
    place.close()
    text = (place.data / "triptych.toml").read_text()
    (place.data / "triptych.toml").write_text('policy = "bound.json"\n' + text)
    place.open()
    with program(OPENAI) as (at, _), known_at(at_8080=at):
        refused = place.send("PUT", f"/api/local-servers/local-{at}", {"models": ["flux-dev"]})
        assert refused.status_code >= 400
        assert "catalogue" in refused.json()["error"]["message"]
        assert endpoints(place) == {}
    place.close()
    place.open()  # nothing was kept that would keep it from starting


def test_looking_needs_the_page(place: Place) -> None:
    assert place.http.post(f"{place.url}/api/local-servers", json={}).status_code in {401, 403}
    assert place.http.post(f"{place.url}/api/sample", json={}).status_code in {401, 403}
    assert place.http.put(f"{place.url}/api/local-servers/local-8080", json={}).status_code in {401, 403}
    assert place.http.delete(f"{place.url}/api/local-servers/local-8080").status_code in {401, 403}
