"""The stand-in of the browser tests answers in the shapes of the real server: each address that both have, on like states."""

import io
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from PIL import Image
from tests.emulators import Emulators
from tests.emulators.scenario import Kind, Scenario
from tests.web.test_whole_way import Studio

FINAL = {"done", "blocked", "failed", "cancelled", "lost"}
SESSION = "X-Triptych-Session"
NANO, AURORA, WOODCUT = "google/gemini-3.1-flash-image", "demo/aurora", "demo/woodcut"
Path = tuple[str, ...]
Shape = dict[Path, set[str]]
"""What stands where in an answer: the kinds of value that were seen at each place."""
SMALL = "--size 256x256"
DATA = {"asked", "headers", "per_model", "weights", "features", "keys", "request"}
"""Objects whose names are data; so are those that are named by addresses, identifiers or models."""


class Side:
    """One of the two servers, spoken to as the page does. It notes what each kind of call was answered."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.shapes: dict[str, Shape] = defaultdict(lambda: defaultdict(set))

    def get(self, path: str, name: str = "") -> Any:
        return self._heard(f"GET {name or path}", self.http.get(path))

    def send(self, method: str, path: str, body: Any = None, name: str = "") -> Any:
        headers = {SESSION: self.http.get("/api/state").json()["session"]}
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return self._heard(f"{method} {name or path}", self.http.request(method, path, content=data, headers=headers))

    def _heard(self, name: str, answer: httpx.Response) -> Any:
        found = answer.json() if answer.content else None
        note(self.shapes[f"{name} {answer.status_code}"], found)
        return found

    def run(self, text: str, *models: str, **more: Any) -> Any:
        """A run whose tiles have all ended."""
        return self.over(self.send("POST", "/api/runs", {"text": text, "models": models, **more})["id"])

    def over(self, run: str) -> Any:
        """The run once all of its tiles have ended."""
        for _ in range(3000):  # paintings on a busy machine
            found = self.http.get(f"/api/runs/{run}").json()
            if all(tile["state"] in FINAL for tile in found["tiles"]):
                return self.get(f"/api/runs/{run}", "/api/runs/ID")
            time.sleep(0.02)
        pytest.fail("a run did not end")

    def events(self, since: int, last: str) -> None:
        """Notes what was announced after `since`, up to and with the first event of the type `last`."""
        kind = ""
        with self.http.stream("GET", f"/api/events?since={since}") as stream:
            for line in stream.iter_lines():
                field, _, value = line.partition(": ")
                kind = value if field == "event" else kind
                if field == "data":
                    note(self.shapes[f"event {kind}"], json.loads(value))
                    if kind == last:
                        return


def note(shape: Shape, value: Any, at: Path = ()) -> None:
    """Adds what stands in a value to what is known."""
    if isinstance(value, dict):
        shape[at].add("object")
        named = at[-1:] and at[-1] not in DATA and not any("/" in name or name.startswith("img_") for name in value)
        for name, each in value.items():
            note(shape, each, (*at, name if named or not at else "*"))
    elif isinstance(value, list):
        shape[at].add("list")
        for each in value:
            note(shape, each, (*at, "[]"))
    else:
        kinds = {bool: "bool", type(None): "null", int: "number", float: "number", str: "text"}
        # Where adjustments are told, what went as asked is told by all of them or by none.
        native = at[-3:] == ("adjustments", "[]", "kind") and value == "native"
        shape[at] |= {kinds[type(value)], *(["native"] if native else [])}


def lies(name: str, fake: Shape, real: Shape) -> Iterator[str]:
    """Where two answers differ. What was only ever empty or nothing on one side says nothing of what could stand there."""
    if not fake or not real:
        yield f"{name}: {'only the real one' if real else 'only the stand-in'} answers so"
    for at in sorted({*fake, *real}):
        place = f"{name}: {'.'.join(at) or 'all of it'}"
        for mine, yours, word in ((fake, real, "only the real one has"), (real, fake, "only the stand-in has")):
            beside = any(other[:-1] == at[:-1] for other in mine if other)
            if at not in mine and beside:
                yield f"{place}: {word} it, {sorted(yours[at])}"
        one, two = fake.get(at, set()) - {"null"}, real.get(at, set()) - {"null"}
        if one and two and one != two:
            yield f"{place}: {sorted(one)} here, {sorted(two)} there"


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    return out.getvalue()


class Trouble:
    """What the real walk does to its provider where the stand-in is told by the prompt."""

    def __init__(self, emulators: Emulators | None) -> None:
        self._google = emulators.google if emulators else None

    def refuse(self) -> None:
        if self._google:
            self._google.play(Kind.REFUSAL)

    def hold(self) -> None:
        if self._google:
            self._google.play(Scenario(delay_s=2))


def walk(side: Side, trouble: Trouble, key: str) -> None:
    """What pages ask for, in one order on both sides."""
    since = side.get("/api/state")["since"]
    models_and_money(side, key)
    run = rows(side, trouble)
    picks(side, run)
    gallery(side)
    for part in ("policy", "health", "traffic", "budget", "log"):
        side.get(f"/v1/router/{part}")
    side.get("/api/key-visuals")
    side.get("/api/state")
    side.send("DELETE", f"/api/runs/{run['id']}", name="/api/runs/ID")
    side.events(since, "hidden")
    side.send("POST", f"/api/runs/{run['id']}/restore", name="/api/runs/ID/restore")
    side.get("/api/runs/run_nobody", "/api/runs/NONE")


def models_and_money(side: Side, key: str) -> None:
    side.get("/api/models")
    side.send("POST", "/api/keys/recognise", {"key": key})
    for given in (key[:-4] + "bad.", key):
        side.send("PUT", "/api/providers/google/key", {"key": given}, "/api/providers/ID/key")
    side.send("POST", "/api/providers/google/check", name="/api/providers/ID/check")
    side.send("PUT", "/api/providers/aihorde/consent", {"given": True}, "/api/providers/ID/consent")
    side.send("PUT", "/api/providers/aihorde/consent", {"given": False}, "/api/providers/ID/consent")
    side.send("PUT", "/api/caps", {"run": None, "day": 9_000_000})
    side.get("/api/spend")
    side.send("PUT", "/api/selection", {"models": [AURORA, WOODCUT]})
    side.send("POST", "/api/local-servers")


def rows(side: Side, trouble: Trouble) -> Any:
    """Rows with pictures, one with a refusal, one that is stopped, and the sample. The first is the answer."""
    sample = side.send("POST", "/api/sample")["run"]
    for tile in sample["tiles"]:  # to paint it takes long
        side.send("POST", f"/api/tiles/{tile['id']}/cancel", name="/api/tiles/ID/cancel")
    side.over(sample["id"])
    sha = side.send("POST", "/api/uploads", png())["sha256"]
    side.send("POST", "/api/uploads", b"<svg/>")
    asked = {"text": f"a {{red, green}} kite {SMALL} --stlye raw", "models": [AURORA, NANO], "images": [{"sha256": sha, "role": "subject"}]}  # fmt: skip
    side.send("POST", "/api/plan", asked)
    first = side.run(f"a kite {SMALL}", AURORA, NANO)
    for tile in first["tiles"]:
        side.get(f"/api/tiles/{tile['id']}", "/api/tiles/ID")
    added = side.send("POST", f"/api/runs/{first['id']}/tiles", {"model": WOODCUT}, "/api/runs/ID/tiles")
    side.over(first["id"])
    fitted = side.run(f"a kite google!adjust --s 250 --no birds {SMALL}", AURORA, NANO)
    for tile in fitted["tiles"]:
        side.get(f"/api/tiles/{tile['id']}", "/api/tiles/FITTED")
    trouble.refuse()
    refused = side.run(f"a kite google!blocked {SMALL}", NANO)["tiles"][0]
    side.get(f"/api/tiles/{refused['id']}", "/api/tiles/REFUSED")
    for trashed in (True, False):
        side.send("POST", f"/api/tiles/{refused['id']}/trash", {"trashed": trashed}, "/api/tiles/ID/trash")
    side.send("POST", f"/api/tiles/{refused['id']}/retry", {"model": AURORA}, "/api/tiles/ID/retry")
    side.over(refused["run"])
    trouble.hold()
    held = side.send("POST", "/api/runs", {"text": f"a kite google!hold {SMALL}", "models": [NANO]})
    side.send("POST", f"/api/tiles/{held['tiles'][0]['id']}/cancel", name="/api/tiles/ID/cancel")
    side.over(held["id"])
    blind = side.run(f"a kite --blind {SMALL}", AURORA, WOODCUT)
    side.get(f"/api/tiles/{blind['tiles'][0]['id']}", "/api/tiles/VEILED")
    side.send("POST", f"/api/runs/{blind['id']}/open", name="/api/runs/ID/open")
    trouble.hold()
    veiled = side.send("POST", "/api/runs", {"text": f"a kite google!hold --blind {SMALL}", "models": [NANO, WOODCUT]})
    for tile in veiled["tiles"]:
        side.send("POST", f"/api/tiles/{tile['id']}/cancel", name="/api/tiles/VEILED/cancel")
    side.over(veiled["id"])
    side.get("/api/runs")
    side.get(f"/api/runs?before={blind['id']}", "/api/runs?before")
    return side.over(added["run"])


def picks(side: Side, run: Any) -> None:
    shown = [tile["images"][0]["id"] for tile in run["tiles"]]
    made = side.send("POST", "/api/picks", {"pictures": shown, "winner": 1, "question": "prettier", "blind": False})
    side.send("POST", "/api/picks", {"pictures": shown, "winner": None, "rejected": [0], "question": "prettier", "blind": False})  # fmt: skip
    side.get("/api/picks")
    side.get(f"/api/picks?pictures={','.join(shown)}", name="/api/picks?pictures=IDS")
    side.get(f"/api/picks/pictures?pictures={','.join(shown)}", name="/api/picks/pictures?pictures=IDS")
    side.get("/api/ranking?task=generate&question=prettier", "/api/ranking")
    side.send("PUT", "/api/picks/learning", {"learning": True, "ordering": True, "question": "closer"})
    side.send("DELETE", f"/api/picks/{made['id']}", name="/api/picks/ID")
    side.send("DELETE", "/api/picks")


def gallery(side: Side) -> None:
    found = side.get("/api/gallery")["pictures"]
    one = found[0]["id"]
    changed = {
        "pictures": [one],
        "stars": 4,
        "verdict": "kept",
        "add_tags": ["sea"],
        "project": "spring",
        "alt": "A kite.",
    }
    before = side.send("PATCH", "/api/gallery", changed)["before"]
    for part in ("fields", "count", "ids", f"pictures?pictures={one}", f"marks?pictures={one}", f"similar/{one}"):
        side.get(f"/api/gallery/{part}", f"/api/gallery/{part[:5]}")
    side.get(f"/api/tiles/{found[0]['tile']}", "/api/tiles/GALLERY")
    side.send("POST", "/api/gallery/undo", {"before": before})
    side.send("PATCH", "/api/gallery", {"pictures": [one], "trashed": True})
    side.get("/api/gallery?q=colour:", "/api/gallery WRONG")


@pytest.fixture
def studio(tmp_path: Any, emulators: Emulators) -> Iterator[Studio]:
    made = Studio(tmp_path / "data", emulators)
    made.environment["TRIPTYCH_SAMPLE"] = "true"
    made.start()
    yield made
    made.stop()


@pytest.mark.timeout(120)
def test_the_stand_in_answers_as_the_server_does(server: str, studio: Studio, emulators: Emulators) -> None:
    stand_in = Side(server)
    stand_in.http.post("/fake", json={"scene": "new", "gallery": 9})
    walk(stand_in, Trouble(None), "AIza-of-a-test")
    real = Side(studio.url)
    walk(real, Trouble(emulators), emulators.google.key)
    for side in (stand_in, real):
        side.http.close()
    answers = sorted({*stand_in.shapes, *real.shapes})
    told = [lie for name in answers for lie in lies(name, stand_in.shapes[name], real.shapes[name])]
    assert told == [], "\n".join(told)
