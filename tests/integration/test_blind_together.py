"""What a page receives of a blind row whose models take differently long, each a model that is slowest once: neither its
order nor its times nor its ids follow the models, until all are there and one is picked."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.emulators import Emulators
from tests.emulators.scenario import Gate, Kind, Scenario
from tests.integration.place import Place

MODELS = ("google/gemini-3.1-flash-image", "openai/gpt-image-2", "xai/grok-imagine-image")
NAMES = ("gemini", "google", "openai", "gpt-", "gpt ", "xai", "grok")
ORDERS = list(itertools.permutations(range(3)))


class Row:
    """A blind row, each of whose models answers when it is told to."""

    def __init__(self, place: Place, emulators: Emulators, scenarios: Sequence[Scenario] = ()) -> None:
        self.place = place
        self.gates = [Gate() for _ in MODELS]
        self.vendors = (emulators.google, emulators.openai, emulators.xai)
        said = scenarios or [Scenario() for _ in MODELS]
        for vendor, gate, scenario in zip(self.vendors, self.gates, said, strict=True):
            vendor.play(replace(scenario, gate=gate))
        self.spent = place.get("/api/state").json()["spend"]["today"]
        self.since = place.app.bus.last_id()
        self.progress: dict[str, int] | None = None
        self.run: dict[str, Any] = place.start("a lamp --blind", *MODELS)
        kept = place.do(place.app.studio.run(self.run["id"]))
        self.tiles = [tile.record.id for tile in kept.tiles]  # in the order of the models, which a page is not told
        for gate in self.gates:
            gate.wait_reached()

    def let(self, model: int) -> None:
        """Lets one model answer, and waits until its tile is over."""
        self.gates[model].release()
        self.place.ended(self.tiles[model])

    def counted(self) -> dict[str, int] | None:
        """How many are over, as a page is told that is loaded now."""
        self.seen()
        return self.progress

    def told(self) -> list[dict[str, Any]]:
        """What pages were told of it since it began."""
        return [event for event in self.place.events(self.since)
                if event.get("run") == self.run["id"] or event.get("id") == self.run["id"]]  # fmt: skip

    def seen(self) -> dict[str, Any]:
        """What a page sees of it that is loaded now, by the way it asks."""
        get, name = self.place.get, self.run["id"]
        state = get("/api/state").json()
        loaded, run = next(run for run in state["runs"] if run["id"] == name), get(f"/api/runs/{name}").json()
        self.progress = run.pop("progress")
        assert loaded.pop("progress") == self.progress
        return {
            "state": loaded, "run": run,
            "tiles": {tile: get(f"/api/tiles/{tile}").json() for tile in sorted(self.tiles)},
            "spent": [state["spend"]["today"], get("/api/spend").json()["today"]],
            "previews": [get(f"/api/previews/{tile}").status_code for tile in self.tiles],
            "lineage": [get(f"/api/lineage/{tile}").json() for tile in sorted(self.tiles)],
        }  # fmt: skip


def without_id(tile: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in tile.items() if name != "id"}, sort_keys=True)


@pytest.mark.parametrize("order", ORDERS)
def test_who_is_quick_shows_nowhere(place: Place, emulators: Emulators, order: Sequence[int]) -> None:
    row = Row(place, emulators)
    at_first, begun = row.seen(), len(row.told())
    assert len({without_id(tile) for tile in at_first["run"]["tiles"]}) == 1
    assert row.progress == {"over": 0, "of": 3}
    for over, model in enumerate(order[:-1], 1):
        row.let(model)
        assert row.seen() == at_first, "a page that is loaded again sees who was quick"
        assert row.progress == {"over": over, "of": 3}
        assert row.told()[begun:] == [
            {"type": "progress", "run": row.run["id"], "progress": {"over": n + 1, "of": 3}} for n in range(over)
        ], "an event told of more"
    begun += 2
    assert at_first["spent"] == [row.spent] * 2
    row.let(order[-1])
    ends = row.told()[begun:]
    assert {event["state"] for event in ends} == {"done"}
    assert [event["id"] for event in ends] == [tile["id"] for tile in row.seen()["run"]["tiles"]]
    assert row.seen()["spent"] == [row.spent] * 2
    for tile in ends:
        assert (tile["started_ms"], tile["ended_ms"], tile["cost"], tile["estimate"]) == (None, None, None, None)
        assert [word for word in NAMES if word in json.dumps(tile).lower()] == []
    since = place.app.bus.last_id()
    place.post(f"/api/runs/{row.run['id']}/open", {})
    told = row.seen()["spent"]
    assert told[0] != row.spent
    assert {"type": "spend", "today": told[0]}.items() <= next(
        event for event in place.events(since) if event["type"] == "spend"
    ).items()


def test_over_many_rows_the_order_told_follows_neither_the_models_nor_their_pace(
    place: Place, emulators: Emulators
) -> None:
    """Each of eight rows may agree with the order of the models by chance, 1 in 6; all of them do once in 6^8."""
    told: list[dict[str, list[int]]] = []
    for order in [*ORDERS, *ORDERS[:2]]:
        row = Row(place, emulators)
        for model in order:
            row.let(model)
        events = [event["id"] for event in row.told() if event["type"] == "tile"]
        pictures = {
            tile["images"][0]["id"]: tile["id"] for tile in place.get(f"/api/runs/{row.run['id']}").json()["tiles"]
        }
        ways = {
            "events": events,
            "tile ids": sorted(events),
            "picture ids": [pictures[name] for name in sorted(pictures)],
        }
        told.append({way: [row.tiles.index(name) for name in names] for way, names in ways.items()})
        told[-1]["pace"] = list(order)
        assert {name[:13] for name in pictures} == {f"img_{name[5:14]}" for name in row.tiles}, "an id tells its time"
        _look(place, list(pictures))
        place.post(f"/api/runs/{row.run['id']}/open", {})
    for way in ("events", "tile ids", "picture ids"):
        assert any(one[way] != [0, 1, 2] for one in told), f"the {way} follow the models"
        assert any(one[way] != one["pace"] for one in told), f"the {way} follow their pace"


def _look(place: Place, pictures: Sequence[str]) -> None:
    """The pictures of a veiled row over HTTP: the headers are the same but for the sizes of the pixels themselves."""
    for kind in ("", "/thumb"):
        answers = [place.get(f"/api/images/{name}{kind}") for name in pictures]
        heads = [{name: value for name, value in answer.headers.items() if name not in {"date", "content-length"}}
                 for answer in answers]  # fmt: skip
        assert all(head == heads[0] for head in heads)
        assert not {"last-modified", "etag", "content-disposition", "server-timing"} & set(heads[0])
        for answer in answers:
            assert not any(chunk in answer.content for chunk in (b"c2pa", b"eXIf", b"EXIF", b"XMP", b"tEXt", b"iTXt"))


def test_the_file_itself_is_not_to_be_had_by_its_hash(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()  # the emulators draw the same bytes again, which are known where a row of them is open
    row = Row(place, emulators)
    for model in range(3):
        row.let(model)
    for tile in place.get(f"/api/runs/{row.run['id']}").json()["tiles"]:
        answer = place.get(f"/api/uploads/{tile['images'][0]['sha256']}")
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/png", "no-store")
        assert answer.content == place.get(f"/api/images/{tile['images'][0]['id']}").content
        small = place.get(f"/api/uploads/{tile['images'][0]['sha256']}/thumb")
        assert small.headers["content-type"] == "image/webp"
        assert small.content == place.get(f"/api/images/{tile['images'][0]['id']}/thumb").content
    assert place.get(f"/api/uploads/{'0' * 64}/thumb").status_code == 404
    place.post(f"/api/runs/{row.run['id']}/open", {})


def test_a_failed_tile_waits_for_the_others_and_names_nobody(place: Place, emulators: Emulators) -> None:
    row = Row(place, emulators, [Scenario(Kind.MODERATION_INPUT), Scenario(Kind.WRONG_KEY), Scenario()])
    at_first = row.seen()
    for model in (0, 1):
        row.let(model)
        assert row.seen() == at_first
    for job in ("trash", "retry"):
        tried = [place.post(f"/api/tiles/{name}/{job}", {"trashed": True, "confirm": True}) for name in row.tiles]
        assert {(answer.status_code, answer.text) for answer in tried} == {(409, tried[0].text)}
    assert row.seen() == at_first
    row.let(2)
    tiles = {tile["id"]: tile for tile in place.get(f"/api/runs/{row.run['id']}").json()["tiles"]}
    assert [tiles[name]["state"] for name in row.tiles] == ["blocked", "failed", "done"]
    for name in row.tiles[:2]:
        assert [word for word in NAMES if word in json.dumps(tiles[name]).lower()] == []
    again = place.post(f"/api/tiles/{row.tiles[1]}/retry", {"confirm": True})
    assert again.status_code == 202, again.text
    place.ended(again.json()["id"])
    after = {tile["id"]: tile for tile in place.get(f"/api/runs/{row.run['id']}").json()["tiles"]}
    assert after[row.tiles[2]]["state"] == "done"
    assert after[again.json()["id"]]["state"] == "done"
    place.post(f"/api/runs/{row.run['id']}/open", {})


def test_stopping_one_says_so_whether_it_had_come_or_not(place: Place, emulators: Emulators) -> None:
    row = Row(place, emulators)
    row.let(0)
    assert row.counted() == {"over": 1, "of": 3}
    answers = [place.post(f"/api/tiles/{row.tiles[model]}/cancel").json() for model in (0, 1)]
    assert without_id(answers[0]) == without_id(answers[1])
    assert (answers[0]["state"], answers[0]["cancellable"], answers[0]["images"]) == ("working", False, [])
    assert "You stopped it" in answers[0]["note"]
    assert row.counted() is None  # whether one that was stopped was over already
    told = [{**event, "id": ""} for event in row.told()[2:]]
    assert told[:2] == told[2:], "an event told which of the two was over"
    row.let(2)
    tiles = {tile["id"]: tile for tile in place.get(f"/api/runs/{row.run['id']}").json()["tiles"]}
    assert [tiles[name]["state"] for name in row.tiles] == ["done", "cancelled", "done"]
    place.post(f"/api/runs/{row.run['id']}/open", {})


def test_hurrying_one_is_refused_whether_it_waits_or_is_over(place: Place, emulators: Emulators) -> None:
    row = Row(place, emulators)
    row.let(0)
    hurried = [place.post(f"/api/tiles/{name}/retry-now", {}) for name in row.tiles]
    assert {(answer.status_code, answer.text) for answer in hurried} == {(409, hurried[0].text)}
    assert "Nothing is told" in hurried[0].text
    for model in (1, 2):
        row.let(model)
    place.post(f"/api/runs/{row.run['id']}/open", {})


def test_opened_while_it_works_a_row_tells_what_there_is(place: Place, emulators: Emulators) -> None:
    row = Row(place, emulators)
    row.let(1)
    opened = place.post(f"/api/runs/{row.run['id']}/open", {}).json()
    states = [tile["state"] for tile in opened["tiles"]]
    assert (states[1], opened["tiles"][1]["model"]) == ("done", MODELS[1])
    assert "done" not in (states[0], states[2])
    row.let(0)
    assert row.told()[-1]["state"] == "done"
    row.let(2)


def test_after_a_restart_the_row_still_waits_for_all(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    row = Row(place, emulators)
    row.let(2)
    place.vanish()
    for gate in row.gates:
        gate.release()
    place.open()
    run = place.get(f"/api/runs/{row.run['id']}").json()
    assert {tile["state"] for tile in run["tiles"]} <= {"lost", "done"}  # what was out is lost: then all is told
    assert len({tile["state"] for tile in run["tiles"]}) == 2
