"""What a restart leaves of the work that was under way: in order, and by SIGKILL in the middle of it."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import pytest
from tests.emulators import Emulators, Gate, Kind, Scenario
from tests.integration.door import Door
from tests.integration.honest import every_line
from tests.integration.place import SESSION, Place, TlsFront

GOOGLE, XAI, HORDE = "google/gemini-3.1-flash-image", "xai/grok-imagine-image", "aihorde/flux.1-schnell"


@dataclass
class Process:
    """A server in a process of its own."""

    process: "subprocess.Popen[str]"
    url: str
    token: str

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=90)

    def stop(self) -> str:
        """Ends it as Ctrl+C does; returns what it still said."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=90)
        return err

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, timeout=90, trust_env=False).json()

    def post(self, path: str, json: Any, method: str = "POST") -> Any:
        headers = {SESSION: self.token}
        answer = httpx.request(method, self.url + path, json=json, headers=headers, timeout=90, trust_env=False)
        return answer.json()

    def until(self, tile: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not reached(found := self.get(f"/api/tiles/{tile}")["tile"]):
            time.sleep(0.01)
        return dict(found)

    def ended(self, tile: str) -> dict[str, Any]:
        return self.until(tile, lambda t: t["ended_ms"] is not None)


Boot = Callable[[], Process]


@pytest.fixture(scope="module")
def door(front: TlsFront) -> Iterator[Door]:
    """To a world in which the pictures' name leads to the emulators' files host."""
    with Door(certificate=front.certificate) as opened:
        yield opened


@pytest.fixture
def boot(own_place: Place, door: Door) -> Iterator[Boot]:
    started: list[subprocess.Popen[str]] = []
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}

    def begin() -> Process:
        command = [str(door.program), "serve", "--port", "0", "--no-browser", "--data", str(own_place.data)]
        process = subprocess.Popen(
            command, env={**kept, **own_place.environ, "NO_COLOR": "1"}, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"Triptych is at (http://\S+)", line):
                url = found[1]
                return Process(
                    process, url, httpx.get(f"{url}/api/state", timeout=90, trust_env=False).json()["session"]
                )
        raise AssertionError("".join(said))

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_after_a_kill_a_job_is_picked_up_a_call_is_lost_and_nothing_is_sent_twice(
    boot: Boot, emulators: Emulators
) -> None:
    first = boot()
    first.post("/api/providers/aihorde/consent", {"given": True}, "PUT")
    job_gate, call_gate = Gate(), Gate()
    emulators.aihorde.play(Scenario(final_gate=job_gate, wait_time_s=1))
    emulators.xai.play(Scenario(gate=call_gate))
    run = first.post("/api/runs", {"text": "a kettle", "models": [HORDE, XAI]})
    horde, xai = run["tiles"]
    call_gate.wait_reached()
    first.until(horde["id"], lambda t: t["state"] == "working")
    first.kill()
    call_gate.release()

    second = boot()
    lost = second.ended(xai["id"])
    assert (lost["state"], lost["billed"], lost["error"]["code"]) == ("lost", "unknown", "lost")
    assert "may have been billed" in lost["error"]["message"]
    assert lost["error"]["hint"]
    assert second.get(f"/api/tiles/{horde['id']}")["tile"]["state"] == "working"
    job_gate.release()
    done = second.ended(horde["id"])
    assert (done["state"], done["billed"], len(done["images"])) == ("done", "no", 1)
    assert len(emulators.aihorde.submits) == 1
    assert len(emulators.xai.submits) == 1
    refused = second.post(f"/api/tiles/{xai['id']}/retry", {})
    assert refused["error"]["param"] == "confirm"
    again = second.ended(second.post(f"/api/tiles/{xai['id']}/retry", {"confirm": True})["id"])
    assert again["state"] == "done"
    spend = second.get("/api/spend")["today"]
    assert spend["unknown"] == 1
    assert second.stop().count("Traceback") == 0


def test_after_a_kill_what_snapshots_say_is_counted_again_from_the_next_start_on(
    boot: Boot, emulators: Emulators, own_place: Place
) -> None:
    """The start that was killed counted a call whose end nobody wrote down. The next one begins an epoch of its own, so that its
    snapshots follow from the log again."""
    first, gate = boot(), Gate()
    emulators.xai.play(Scenario(gate=gate))
    first.post("/api/runs", {"text": "a slow kettle", "models": [XAI]})
    gate.wait_reached()
    first.ended(first.post("/api/runs", {"text": "a kettle", "models": [GOOGLE]})["tiles"][0]["id"])
    first.kill()
    gate.release()
    second = boot()
    second.ended(second.post("/api/runs", {"text": "a kettle", "models": [GOOGLE]})["tiles"][0]["id"])
    second.stop()

    said = [(verdict, words) for _, verdict, words in every_line(own_place.data)]
    outcomes = [verdict for verdict, words in said if words.startswith("outcomes: ")]
    assert len(outcomes) == 3
    assert outcomes[-1] == "proved"
    assert "FALSE" not in {verdict for verdict, _ in said}


def test_a_key_outlives_a_kill(boot: Boot, own_place: Place, emulators: Emulators) -> None:
    first = boot()
    first.post("/api/providers/aihorde/consent", {"given": True}, "PUT")
    gate = Gate()
    emulators.aihorde.play(Scenario(final_gate=gate, wait_time_s=1))

    def order(server: Process) -> httpx.Response:
        return httpx.post(f"{server.url}/v1/images/generations", json={"model": HORDE, "prompt": "a kettle"},
                          headers={"Idempotency-Key": "k"}, timeout=90, trust_env=False)  # fmt: skip

    asked = own_place.start_thread(lambda: order(first))
    while not (runs := first.get("/api/runs")["runs"]):
        time.sleep(0.01)
    first.until(runs[0]["tiles"][0]["id"], lambda t: t["state"] == "working")
    first.kill()
    with pytest.raises(httpx.TransportError):
        asked.result(60)
    second = boot()
    assert order(second).status_code == 409
    gate.release()
    tile = second.get("/api/runs")["runs"][0]["tiles"][0]["id"]
    assert second.ended(tile)["state"] == "done"
    answer = order(second)
    assert answer.status_code == 200
    assert answer.json()["triptych"]["tile"] == tile
    assert len(emulators.aihorde.submits) == 1


def test_what_was_never_sent_is_started_after_all(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    gate = Gate()
    emulators.google.play(Scenario(gate=gate, times=8))
    run = place.start("a kettle --seed 5", GOOGLE, n=10)
    gate.wait_reached()
    while len(emulators.google.submits) < 8:
        time.sleep(0.01)
    assert [t["state"] for t in place.get(f"/api/runs/{run['id']}").json()["tiles"]].count("queued") == 2
    place.vanish()
    gate.release()
    place.open()
    tiles = [place.ended(tile["id"]) for tile in run["tiles"]]
    assert sorted(tile["state"] for tile in tiles) == ["done"] * 2 + ["lost"] * 8
    assert len(emulators.google.submits) == 10


def test_a_stop_in_order_ends_calls_and_leaves_jobs(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    place.send("PUT", "/api/providers/aihorde/consent", {"given": True})
    job, call = Gate(), Gate()
    emulators.aihorde.play(Scenario(final_gate=job))
    emulators.xai.play(Scenario(gate=call))
    run = place.start("a kettle", HORDE, XAI)
    horde, xai = run["tiles"]
    call.wait_reached()
    place.until(horde["id"], lambda t: t["state"] == "working")
    place.close()
    call.release()
    assert emulators.aihorde.cancelled == []
    job.release()
    place.open()
    assert place.ended(horde["id"])["state"] == "done"
    lost = place.ended(xai["id"])
    assert (lost["state"], lost["billed"]) == ("lost", "unknown")
    assert "may have been billed" in lost["error"]["message"]
    assert (len(emulators.aihorde.submits), len(emulators.xai.submits)) == (1, 1)
    place.charged(xai["id"])


def test_a_stop_in_order_leaves_what_was_never_sent_and_what_is_painted_here(boot: Boot, emulators: Emulators) -> None:
    first = boot()
    gate = Gate()
    emulators.google.play(Scenario(gate=gate, times=8))
    run = first.post("/api/runs", {"text": "a kettle --n 10", "models": [GOOGLE]})
    painted = first.post("/api/runs", {"text": "a kettle --n 4 --size 512x512", "models": ["demo/aurora"]})
    gate.wait_reached()
    first.until(painted["tiles"][0]["id"], lambda t: t["state"] != "queued")
    first.process.send_signal(signal.SIGTERM)
    first.process.communicate(timeout=90)
    gate.release()
    second = boot()
    tiles = [second.ended(tile["id"]) for tile in run["tiles"]]
    assert {tile["state"] for tile in tiles} == {"done", "lost"}
    assert sum(tile["state"] == "done" for tile in tiles) >= 2
    made = [second.ended(tile["id"]) for tile in painted["tiles"]]
    assert [tile["state"] for tile in made] == ["done"] * 4
    assert len({tile["images"][0]["sha256"] for tile in made}) == 4
    twice = second.post("/api/runs", {"text": "a kettle --n 4 --size 512x512", "models": ["demo/aurora"]})
    same = [second.ended(tile["id"])["images"][0]["sha256"] for tile in twice["tiles"]]
    assert same == [tile["images"][0]["sha256"] for tile in made]


def test_a_run_goes_on_when_nobody_looks(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    gate = Gate()
    emulators.xai.play(Scenario(gate=gate))
    with place.http.stream("GET", f"{place.url}/api/events") as page:
        next(page.iter_lines())
        tile = place.start("a kettle", XAI)["tiles"][0]
        gate.wait_reached()
    place.http.close()  # the page and all its connections are gone
    place.http = httpx.Client(timeout=90, trust_env=False)
    gate.release()
    assert place.ended(tile["id"])["state"] == "done"


def test_history_and_settings_survive(own_place: Place) -> None:
    place = own_place.open()
    tile = place.make("a steel kettle on basalt --ar 4:5", XAI)
    place.send("PUT", "/api/selection", {"models": [XAI]})
    place.send("PUT", "/api/caps", {"day": 5_000_000})
    before = place.get("/api/state").json()
    place.close()
    after = place.open().get("/api/state").json()
    assert after["runs"] == before["runs"]
    assert after["selected"] == [XAI]
    assert after["spend"] == before["spend"]
    assert after["session"] != before["session"]
    assert after["first_visit"] is False
    assert place.get(tile["images"][0]["url"]).status_code == 200


def lines_of(place: Place, path: str, count: int, **options: Any) -> list[str]:
    with place.http.stream("GET", place.url + path, **options) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = []
        for line in answer.iter_lines():
            found.append(line)
            if sum(1 for one in found if one.startswith("event:")) >= count and line.startswith("data:"):
                break
    return found


def test_events_resume_where_they_were_left(own_place: Place) -> None:
    place = own_place.open()
    since = place.get("/api/state").json()["since"]
    place.make("a kettle", XAI)
    seen = lines_of(place, f"/api/events?since={since}", 3)
    assert seen[0] == "retry: 1000"
    events = [line for line in seen if line.startswith("event:")]
    assert events[:2] == ["event: run", "event: tile"]
    ids = [int(line[4:]) for line in seen if line.startswith("id:")]
    assert ids == sorted(ids)
    assert ids[0] > since
    rest = lines_of(place, "/api/events", 1, headers={"Last-Event-ID": str(ids[0])})
    assert [line for line in rest if line.startswith("id:")][0] == f"id: {ids[1]}"  # noqa: RUF015


def test_events_that_are_gone_are_told_as_a_reset(own_place: Place) -> None:
    place = own_place.open()
    old = place.get("/api/state").json()["since"]
    for since in (5, old - 10_000, old + 10**9):
        seen = lines_of(place, f"/api/events?since={since}", 1)
        assert [line for line in seen if line.startswith(("event:", "data:"))] == ["event: reset", "data: {}"]
    place.close()
    place.open()
    assert "event: reset" in lines_of(place, f"/api/events?since={old}", 1)


def test_a_stop_ends_open_streams_at_once(boot: Boot) -> None:
    server = boot()
    with httpx.stream("GET", f"{server.url}/api/events", timeout=90, trust_env=False) as stream:
        lines = stream.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGTERM)
        for _ in lines:  # ended in order, so at once: one that is waited for is cut in the end, which raises an error
            pass
    server.process.communicate(timeout=90)
    assert server.process.returncode == 0


def test_a_caller_is_told_when_the_server_stops(own_place: Place, emulators: Emulators) -> None:
    """A kept key says later what became of it, and starts nothing again."""
    place = own_place.open()
    gate = Gate()
    emulators.xai.play(Scenario(gate=gate))
    body, headers = {"model": XAI, "prompt": "x"}, {"Idempotency-Key": "stop"}
    asked = place.start_thread(
        lambda: httpx.post(
            f"{place.url}/v1/images/generations", json=body, headers=headers, timeout=90, trust_env=False
        )
    )
    gate.wait_reached()
    place.do(place.app.studio.shutdown())
    answer = asked.result(60)
    gate.release()
    assert answer.status_code in {409, 504}
    assert answer.json()["error"]["triptych"]["billed"] == "unknown"
    assert answer.headers["x-should-retry"] == "false"
    place.close()
    place.open()
    again = place.http.post(f"{place.url}/v1/images/generations", json=body, headers=headers)
    assert again.status_code == answer.status_code
    assert again.json()["error"]["message"] == answer.json()["error"]["message"]
    assert len(emulators.xai.submits) == 1


def test_a_fault_in_the_middle_of_it_all_is_counted_once(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    emulators.openai.play(Kind.CUT_AFTER_READ)
    tile = place.make("a kettle", "openai/gpt-image-2")
    place.close()
    place.open()
    assert place.tile(tile["id"])["error"] == tile["error"]
    assert len(emulators.openai.submits) == 1
    assert place.get("/api/spend").json()["today"]["unknown"] == 1
