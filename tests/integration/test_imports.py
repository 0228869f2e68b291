"""Pictures made elsewhere over HTTP on a real server: named after their makers, compared and ranked, and never counted."""

import json
from typing import Any

from tests.integration.place import Place
from tests.unit.test_provenance import GRAPH, JOB, PROMPT, WEBUI, png

from triptych.app.credentials import hand_over
from triptych.imaging.recipe import recipe_in, with_recipe

GPT = "openai/gpt-image-2"
KETTLE = f"{PROMPT} Job ID: {JOB}"


def take(place: Place, data: bytes, **query: str) -> dict[str, Any]:
    answer = place.send("POST", "/api/imports", content=data, params=query)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_midjourney_download_is_a_tile_of_its_own_row_with_its_prompt_parsed(place: Place) -> None:
    since = place.app.bus.last_id()
    before = place.get("/api/spend").json()
    made = take(place, png(Description=KETTLE), name="C:\\pictures\\kettle.png")
    tile, run = made["tile"], made["run"]
    assert run["text"] == PROMPT
    assert (tile["name"], tile["state"], tile["model"]) == ("Midjourney", "done", "imported/midjourney")
    assert tile["imported"] == {"maker": "Midjourney", "file": "kettle.png", "source": "midjourney", "job": JOB,
                                "model": "V6.1", "seed": None}  # fmt: skip
    detail = place.get(f"/api/tiles/{tile['id']}").json()
    assert detail["request"]["prompt"] == "a steel kettle on basalt, dawn"
    assert detail["request"]["aspect_ratio"] == "3:2"
    assert (detail["attempts"], detail["decisions"], detail["receipt"]) == ([], [], None)
    assert (tile["cost"], tile["estimate"], tile["billed"], tile["adjustments"]) == (None, None, "no", [])
    assert place.get("/api/spend").json() == before
    assert place.do(place.app.store.ledger(tile_id=tile["id"])) == ()
    assert place.do(place.app.store.receipts.of_tile(tile["id"])) is None
    assert [event["id"] for event in place.events(since) if event["type"] == "run"] == [run["id"]]
    kept = place.get(tile["images"][0]["url"])
    assert kept.content == png(Description=KETTLE)
    handed = place.get(f"{tile['images'][0]['url']}?download=1")
    assert handed.content == kept.content
    assert handed.headers["x-triptych-content-credentials"] == "imported"
    assert place.get(f"/api/images/{tile['images'][0]['id']}/receipt").status_code == 404
    found = place.get("/api/gallery", params={"q": "basalt model:midjourney"}).json()["pictures"]
    assert [(one["tile"], one["name"]) for one in found] == [(tile["id"], "Midjourney")]


def test_it_stands_in_a_chosen_row_and_a_model_can_answer_it(place: Place) -> None:
    row = place.make("a steel kettle", GPT)
    since = place.app.bus.last_id()
    made = take(place, png(parameters=WEBUI), run=row["run"])
    assert made["run"]["id"] == row["run"]
    assert [tile["name"] for tile in made["run"]["tiles"]] == [row["name"], "Stable Diffusion web UI"]
    assert [event["id"] for event in place.events(since) if event["type"] == "tile"] == [made["tile"]["id"]]
    request = place.get(f"/api/tiles/{made['tile']['id']}").json()["request"]
    assert (request["negative_prompt"], request["seed"]) == ("blurry, text", 1234567)
    own = take(place, png(Description=KETTLE))
    added = place.post(f"/api/runs/{own['run']['id']}/tiles", {"model": GPT}).json()
    assert place.ended(added["id"])["prompt"] == "a steel kettle on basalt, dawn"
    assert added["ratio"] == 1.5
    edited = place.make("at night", GPT, images=[{"sha256": own["tile"]["images"][0]["sha256"], "role": "edit"}],
                        parent={"tile": own["tile"]["id"], "picture": own["tile"]["images"][0]["id"]})  # fmt: skip
    nodes = place.get(f"/api/lineage/{edited['id']}").json()["nodes"]
    assert [node["name"] for node in nodes] == ["Midjourney", row["name"]]


def test_it_is_ranked_as_imported_and_the_router_learns_nothing_of_it(place: Place) -> None:
    assert place.send("DELETE", "/api/picks").status_code == 200
    ours = place.make("a pear", GPT)
    theirs = take(place, png(prompt=json.dumps(GRAPH)), run=ours["run"])["tile"]
    other = place.make("a pear", "demo/aurora")
    pictures = [tile["images"][0]["id"] for tile in (ours, theirs, other)]
    pick = place.post("/api/picks", {"pictures": pictures, "winner": 1}).json()
    assert pick["shown"][1]["endpoint"] == pick["shown"][1]["family"] == "imported/comfyui"
    first = place.get("/api/ranking").json()["models"][0]
    assert (first["model"], first["name"], first["imported"], first["wins"]) == ("imported/comfyui", "ComfyUI", True, 2)
    assert place.app.picks.taste("generate") == {}
    place.post("/api/picks", {"pictures": pictures, "winner": 0})
    assert set(place.app.picks.taste("generate")) == {"gpt-image-2", "demo-aurora"}


def test_what_is_no_picture_and_where_it_cannot_stand_are_refused(place: Place) -> None:
    for data in (b"not a picture", png(Description=KETTLE)[:-60]):
        answer = place.send("POST", "/api/imports", content=data)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "image"), answer.text
    assert place.send("POST", "/api/imports", content=png(), params={"run": "run_none"}).status_code == 404
    blind = place.start("a plum --blind", GPT, "demo/aurora")
    for tile in blind["tiles"]:
        place.ended(tile["id"])
    answer = place.send("POST", "/api/imports", content=png(), params={"run": blind["id"]})
    assert answer.status_code == 409
    assert place.http.post(f"{place.url}/api/imports", content=png()).status_code in {401, 403}


def test_a_picture_that_says_nothing_has_the_name_of_its_file(place: Place) -> None:
    made = take(place, png(), name="../sketch of a pear.png")
    assert made["run"]["text"] == "sketch of a pear"
    assert (made["tile"]["name"], made["tile"]["prompt"]) == ("Made elsewhere", "")
    braces = take(place, png(parameters="a {red, green} kite\nSteps: 20, Seed: 18446744073709551615"))
    assert (braces["tile"]["prompt"], braces["tile"]["imported"]["seed"]) == (
        "a {red, green} kite",
        "18446744073709551615",
    )


def test_a_picture_that_was_taken_home_comes_back_with_its_recipe(place: Place) -> None:
    """Downloaded and dropped in again: a tile with the prompt, settings and seed, whose model is named."""
    made = place.make(
        "a lantern {over} stones --ar 3:2 --seed 7 --no fog".replace("{", "\\{").replace("}", "\\}"), "demo/aurora"
    )
    home = place.get(f"{made['images'][0]['url']}?download=1")
    assert home.headers["x-triptych-recipe"] == "embedded"
    back = take(place, home.content, name="lantern.png")
    tile, run = back["tile"], back["run"]
    assert (tile["name"], tile["prompt"]) == ("Triptych elsewhere", "a lantern {over} stones")
    assert (tile["imported"]["model"], tile["imported"]["seed"]) == ("demo/aurora", "7")
    asked = place.get(f"/api/tiles/{tile['id']}").json()["request"]
    was = place.get(f"/api/tiles/{made['id']}").json()["request"]
    assert asked == {name: value for name, value in was.items() if name != "previews"}
    again = place.ended(place.post(f"/api/runs/{run['id']}/tiles", {"model": "demo/aurora"}).json()["id"])
    assert place.get(again["images"][0]["url"]).content == place.get(made["images"][0]["url"]).content
    handed = place.get(f"{tile['images'][0]['url']}?download=1")
    assert (handed.content, handed.headers["x-triptych-recipe"]) == (home.content, "none"), "not ours to write in"


def test_no_recipe_is_in_the_files_of_a_blind_row_before_the_pick(place: Place) -> None:
    row = place.start("a quince --blind", "demo/aurora", "demo/woodcut")
    for tile in row["tiles"]:
        place.ended(tile["id"])  # they are told of together
    first, second = (place.tile(tile["id"])["images"][0]["id"] for tile in row["tiles"])
    record = place.do(place.app.studio.pictures.record(first))
    given = place.do(hand_over(place.app.studio, place.app.store.receipts, record.id))
    assert (given.file.recipe, recipe_in(given.file.data), b"quince" in given.file.data) == (False, None, False)
    place.post("/api/picks", {"pictures": [first, second], "winner": 0})
    shown = place.get(f"/api/images/{first}?download=1")
    assert (shown.headers["x-triptych-recipe"], b"quince" in shown.content) == ("embedded", True)


def test_a_recipe_that_is_made_to_break_it_is_a_picture_all_the_same(place: Place) -> None:
    request = '{"prompt":"a \\ud800 fox","quality":"\\udfff","iw":NaN,"chaos":1e999,"n":-1,"knobs":{"stop":-Infinity,"models":"x"}}'
    data = with_recipe(png(), f'{{"triptych":"recipe/1","model":"\\ud800","seed":1e400,"request":{request}}}')
    assert data is not None
    tile = take(place, data)["tile"]
    assert (tile["name"], tile["state"]) == ("Triptych elsewhere", "done")
    assert "fox" in tile["prompt"]
