"""Key-visual kits over HTTP on a real server: formats, takes, names, and a delivery that can be checked by its sidecar."""

import hashlib
import io
import json
import zipfile
from typing import Any

import msgspec
import pytest
from PIL import Image
from tests.integration.place import Place
from tests.integration.test_picks import MODELS, pictures_of

from triptych.imaging.bare import bare
from triptych.imaging.credentials import installed
from triptych.imaging.recipe import recipe_in
from triptych.network.receipt import read
from triptych.network.verify import Evidence, verify
from triptych.studio.kit_sidecar import Sidecar


def kit_of(place: Place, text: str, *formats: str, model: str = MODELS[0], **more: Any) -> dict[str, Any]:
    _, (picture,) = pictures_of(place, text, model)
    body = {"picture": picture, "formats": list(formats), **more}
    answer = place.post("/api/kits", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def exported(place: Place, kit: dict[str, Any], **options: str) -> tuple[zipfile.ZipFile, dict[str, Any]]:
    answer = place.get(f"/api/kits/{kit['id']}/export", params=options)
    assert answer.status_code == 200, answer.text
    assert "content-length" not in answer.headers  # it is sent while it is made
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    side = archive.read("kit.json")
    msgspec.json.decode(side, type=Sidecar)
    found: dict[str, Any] = json.loads(side)
    return archive, found


def test_a_kit_begins_as_crops_and_delivers_exact_sizes(place: Place) -> None:
    kit = kit_of(
        place, "a kettle on basalt --ar 1:1", "1x1", "9x16", "3:2", "1200x628", "a4", name="Spring", project="tea"
    )
    assert [(f["title"], f["width"], f["height"]) for f in kit["formats"]] == [
        ("1:1", 1080, 1080), ("9:16", 1080, 1920), ("3:2", 1920, 1280), ("300:157", 1200, 628), ("A4", 2480, 3508)]  # fmt: skip
    assert kit["formats"][1]["zones"]
    archive, side = exported(place, kit)
    assert [each["file"] for each in side["files"]] == [each["file"]["name"] for each in kit["formats"]]
    assert side["files"][0]["file"] == "tea_1x1_1080x1080_crop_v1.png"
    for told in side["files"]:
        data = archive.read(told["file"])
        assert hashlib.sha256(data).hexdigest() == told["sha256"]
        assert len(data) == told["bytes"]
        assert Image.open(io.BytesIO(data)).size == (told["width"], told["height"])
        assert (told["signed"], told["prompt"], told["model"]) == (False, "a kettle on basalt", MODELS[0])
    assert json.loads(archive.read("kit.schema.json"))["$ref"]


def test_the_sidecar_says_which_file_is_signed_and_the_receipt_lies_beside_it(place: Place) -> None:
    kit = kit_of(place, "a kettle in rain", "1x1", "4x5")
    archive, side = exported(place, kit, type="jpeg")
    (original,) = side["originals"]
    data = archive.read(original["file"])
    receipt = archive.read(original["receipt"]["file"])
    assert hashlib.sha256(data).hexdigest() == original["sha256"] == side["files"][0]["derived"]["original_sha256"]
    assert hashlib.sha256(receipt).hexdigest() == original["receipt"]["sha256"]
    assert original["sha256"] in str(read(receipt.strip()).payload)
    assert side["files"][0]["derived"]["original"] == original["file"]
    tile = place.tile(side["files"][0]["tile"])
    assert side["files"][0]["cost_micro_usd"] == tile["cost"]["amount_micro_usd"]
    bare, alone = exported(place, kit, originals="0")
    assert alone["originals"] == []
    assert alone["files"][0]["derived"]["original"] is None
    assert all("/" not in name for name in bare.namelist())


def test_every_file_is_told_in_words_and_every_page_of_a_change(place: Place) -> None:
    since = place.app.bus.last_id()
    kit = kit_of(place, f"a lighthouse {'far out ' * 30}at sea", "1x1", "16x9")
    _, side = exported(place, kit)
    assert {each["alt"] for each in side["files"]} == {f"a lighthouse {'far out ' * 30}"[:120].strip()}
    picture = kit["picture"]["id"]
    place.send("PATCH", "/api/gallery", {"pictures": [picture], "alt": "A white tower in spray,\nseen from a boat"})
    _, side = exported(place, kit)
    assert {each["alt"] for each in side["files"]} == {"A white tower in spray, seen from a boat"}
    place.send("PATCH", f"/api/kits/{kit['id']}", {"name": "Harbour"})
    place.send("DELETE", f"/api/kits/{kit['id']}")
    told = [event for event in place.events(since) if event["type"] == "kit"]
    assert told == [
        {"type": "kit", "id": kit["id"], "version": version, "votes": False}
        for version in (kit["version"], kit["version"] + 1, None)
    ]


def test_the_recipe_can_be_switched_off(place: Place) -> None:
    kit = kit_of(place, "a lantern over stones", "1x1")
    with_it, side = exported(place, kit, credentials="0")
    assert b"a lantern over stones" in with_it.read(side["files"][0]["file"])
    assert side["files"][0]["recipe_in_file"] is True
    without, side = exported(place, kit, recipe="0", credentials="0")
    data = without.read(side["files"][0]["file"])
    assert b"lantern" not in data
    assert MODELS[0].encode() not in data
    assert side["files"][0]["recipe_in_file"] is False
    assert side["files"][0]["content_credentials"] == "off"


@pytest.mark.skipif(not installed(), reason="c2pa-python is not installed")
def test_content_credentials_of_a_derived_file_name_the_original_and_its_receipt(place: Place) -> None:
    kit = kit_of(place, "a kettle by a window", "4x5")
    archive, side = exported(place, kit, type="webp")
    (told,) = side["files"]
    assert told["content_credentials"] == "embedded"
    said = place.do(place.app.workshop.read_credentials(archive.read(told["file"])))
    assert said["state"] == "untrusted"  # its own signer, on nobody's list; everything else holds
    assert said["ingredients"] == 1
    assert said["assertions"]["org.triptych.receipt-of-source"]["receipt"] == told["receipt"]["id"]
    assert said["assertions"]["org.triptych.receipt-of-source"]["picture_sha256"] == side["originals"][0]["sha256"]
    assert "org.triptych.receipt" not in said["assertions"]
    done = [action["action"] for action in said["assertions"]["c2pa.actions.v2"]["actions"]]
    assert done == ["c2pa.opened", "c2pa.cropped", "c2pa.resized", "c2pa.transcoded"]
    original = archive.read(side["originals"][0]["file"])
    evidence = Evidence(receipt=archive.read(told["receipt"]["file"]), images={"original": original})
    verdicts = {line.what: line.verdict for line in verify(evidence).lines}
    assert [verdict for what, verdict in verdicts.items() if what.startswith("image")] == ["proved"], verdicts


def test_a_picture_made_elsewhere_is_delivered_without_a_receipt(place: Place) -> None:
    out = io.BytesIO()
    Image.new("RGB", (640, 640), (200, 120, 40)).save(out, "PNG")
    tile = place.send("POST", "/api/imports?name=clay.png", content=out.getvalue()).json()["tile"]
    kit = place.post("/api/kits", {"picture": tile["images"][0]["id"], "formats": ["640x640", "16x9"]}).json()
    archive, side = exported(place, kit, recipe="0")
    assert [(each["receipt"], each["signed"], each["cost_micro_usd"]) for each in side["files"]] == [
        (None, False, None)
    ] * 2
    assert archive.read(side["files"][0]["file"]) == out.getvalue()
    assert side["originals"][0]["receipt"] is None


def test_a_file_that_is_as_it_came_stays_the_signed_one(place: Place) -> None:
    kit = kit_of(place, "a plain square", "1x1")
    picture = kit["picture"]
    place.send("DELETE", f"/api/kits/{kit['id']}/formats/{kit['formats'][0]['id']}")
    same = place.post(f"/api/kits/{kit['id']}/formats", {"format": f"{picture['width']}x{picture['height']}"}).json()
    kind = place.tile(picture["tile"])["images"][0]["media_type"].removeprefix("image/")
    archive, side = exported(place, same, type=kind, recipe="0", credentials="0")
    assert side["files"][0]["signed"] is True
    assert side["files"][0]["derived"] is None
    assert hashlib.sha256(archive.read(side["files"][0]["file"])).hexdigest() == side["originals"][0]["sha256"]
    for credentials in "01":  # the recipe is put beside the pixels, which stay as they are signed
        archive, side = exported(place, same, type=kind, credentials=credentials)
        told, file = side["files"][0], archive.read(side["files"][0]["file"])
        assert (told["signed"], told["derived"], told["recipe_in_file"]) == (True, None, True)
        assert json.loads(recipe_in(file) or "")["request"]["prompt"] == "a plain square"
        assert hashlib.sha256(bare(file)).hexdigest() == side["originals"][0]["sha256"]


def test_the_focus_moves_the_window_and_is_held_to_the_picture(place: Place) -> None:
    kit = kit_of(place, "a wide river --ar 16:9", "9x16")
    made = kit["formats"][0]
    path = f"/api/kits/{kit['id']}/formats/{made['id']}/takes/{made['takes'][0]['id']}"
    left = place.send("PATCH", path, json={"focus": [0, 500]}).json()["formats"][0]["takes"][0]
    right = place.send("PATCH", path, json={"focus": [1000, 500]}).json()["formats"][0]["takes"][0]
    assert left["window"][0] == 0
    assert right["window"][2] == kit["picture"]["width"]
    assert left["loss"] > 50
    for wrong in ([0], [0, 1001], ["a", 1], [True, 1], None):
        assert place.send("PATCH", path, json={"focus": wrong}).status_code == 400


def test_a_format_is_made_again_with_the_key_visual_as_reference(place: Place) -> None:
    kit = kit_of(place, "a {paper} kite, over fields", "4x5")
    made, picture = kit["formats"][0], kit["picture"]
    assert kit["texts"]["again"] == "a {paper} kite, over fields"
    wish = {"format": made["id"], "way": "again", "models": list(MODELS)}
    plan = place.post(f"/api/kits/{kit['id']}/plan", wish).json()
    assert plan["images"] == 2
    assert plan["allowed"] is True
    headers = {"Idempotency-Key": "kit-take-1"}
    run = place.post(f"/api/kits/{kit['id']}/takes", wish, headers=headers).json()
    again = place.post(f"/api/kits/{kit['id']}/takes", wish, headers=headers)
    assert again.json()["id"] == run["id"]
    tiles = [place.ended(tile["id"]) for tile in run["tiles"]]
    assert [tile["state"] for tile in tiles] == ["done", "done"]
    assert tiles[0]["parent"] == {"tile": picture["tile"], "picture": picture["id"]}
    assert sum(tile["estimate"]["amount_micro_usd"] for tile in tiles) == plan["total"]["amount_micro_usd"]
    found = place.get(f"/api/kits/{kit['id']}").json()["formats"][0]
    assert [take["way"] for take in found["takes"]] == ["crop", "again", "again"]
    assert found["chosen"] == found["takes"][0]["id"]
    path = f"/api/kits/{kit['id']}/formats/{made['id']}"
    chosen = place.send("PATCH", path, json={"chosen": found["takes"][2]["id"]}).json()
    assert chosen["formats"][0]["file"]["name"].endswith(f"_{MODELS[1].partition('/')[2]}_v3.png")
    _, side = exported(place, chosen)
    assert (side["files"][0]["way"], side["files"][0]["version"], side["files"][0]["model"]) == ("again", 3, MODELS[1])
    assert side["files"][0]["parent"] == {"tile": picture["tile"], "picture": picture["id"], "sha256": None}


def test_a_format_is_drawn_on_beyond_the_edges(place: Place) -> None:
    kit = kit_of(place, "a lighthouse", "16x9")
    wish = {"format": kit["formats"][0]["id"], "way": "outpaint", "models": [MODELS[0]]}
    assert place.post(f"/api/kits/{kit['id']}/plan", wish).json()["allowed"] is True
    for wrong in (-1, 1001, True, "left"):
        assert place.post(f"/api/kits/{kit['id']}/takes", wish | {"at": wrong}).status_code == 400
    run = place.post(f"/api/kits/{kit['id']}/takes", wish | {"at": 0}).json()
    tile = place.ended(run["tiles"][0]["id"])
    assert tile["state"] == "done", tile["error"]
    framed = place.do(place.app.studio.pictures.bytes_of(run["settings"]["images"][0]["sha256"]))
    assert Image.open(io.BytesIO(framed)).convert("RGB").getpixel((0, 500)) != (128, 128, 128)  # it lies at the left
    assert run["settings"]["mask"]
    found = place.get(f"/api/kits/{kit['id']}").json()["formats"][0]
    assert found["takes"][1]["way"] == "outpaint"


def test_names_that_clash_are_told_and_stop_the_export(place: Place) -> None:
    kit = kit_of(place, "a kite", "1x1", "4x5")
    path = f"/api/kits/{kit['id']}"
    named = place.get(f"{path}/names", params={"template": "{kit}_{model}"}).json()["names"]
    assert [each["problem"] for each in named] == ["Another file has this name too."] * 2
    assert place.get(f"{path}/names", params={"template": "{kti}"}).status_code == 400
    assert place.send("PATCH", path, json={"template": "a/b"}).status_code == 400
    assert place.send("PATCH", path, json={"template": "{kit}_{model}"}).status_code == 200
    refused = place.get(f"{path}/export")
    assert refused.status_code == 409
    assert "Another file has this name" in refused.json()["error"]["message"]


@pytest.mark.parametrize("wrong", ["", "2x", "0:1", "1:21", "10x10", "9000x100", "9x16.5", "x" * 400])
def test_what_is_no_format_is_refused_in_words(place: Place, wrong: str) -> None:
    kit = kit_of(place, "a kite", "1x1")
    assert place.post(f"/api/kits/{kit['id']}/formats", {"format": wrong}).status_code == 400
    assert place.post(f"/api/kits/{kit['id']}/formats", {"format": "1:1"}).status_code == 409


def test_a_kit_of_a_blind_row_waits_until_it_is_open(place: Place) -> None:
    _, (first, _) = pictures_of(place, "a fox --blind", *MODELS)
    assert place.post("/api/kits", {"picture": first}).status_code == 409


def test_a_kit_is_listed_changed_and_deleted(place: Place) -> None:
    kit = kit_of(place, "a heron on a pier", "1x1")
    listed = place.get("/api/kits", params={"picture": kit["picture"]["id"]}).json()["kits"]
    assert [each["id"] for each in listed] == [kit["id"]]
    changed = place.send("PATCH", f"/api/kits/{kit['id']}", json={"name": "Pier", "project": ""}).json()
    assert (changed["name"], changed["project"]) == ("Pier", None)
    assert place.send("PATCH", f"/api/kits/{kit['id']}", json={"name": ""}).status_code == 400
    assert place.send("DELETE", f"/api/kits/{kit['id']}").status_code == 204
    assert place.get(f"/api/kits/{kit['id']}").status_code == 404
    assert place.http.post(f"{place.url}/api/kits", json={"picture": "x"}).status_code == 403
