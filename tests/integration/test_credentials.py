"""A picture taken home: with content credentials in it, its receipt beside it, and both hold for the very file."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.place import Place
from tests.unit.cli_tools import Cli, cli_on
from tests.unit.credential_tools import KINDS, key_in, picture, upstream
from tests.unit.receipt_tools import FACTS, SIGNER, TILE, picture_record

from triptych.cli.generate import write_new
from triptych.cli.verify import credentials_of
from triptych.imaging.bare import bare, has_credentials
from triptych.imaging.credentials import installed
from triptych.imaging.recipe import recipe_in, with_recipe
from triptych.imaging.workshop import Workshop
from triptych.network.receipt import read
from triptych.network.verify import Evidence, verify
from triptych.spec.clock import SystemClock
from triptych.spec.image import Adjustment, Cost, GeneratedImage, ImageRequest, Usage
from triptych.spec.records import PictureRecord
from triptych.spec.routing import RoutedResult
from triptych.store.blobs import open_blobs
from triptych.store.receipts import ReceiptRecord
from triptych.studio.credentials import Credentials, manifest
from triptych.studio.ingest import Intake, Taken
from triptych.studio.receipts import ReceiptMaker, facts_of

needed = pytest.mark.skipif(not installed(), reason="c2pa-python is not installed")
PROMPT = "a kettle of unheard-of brass"
DEMO = "demo/woodcut"
FORMATS = pytest.mark.parametrize("form", ["png", "jpeg", "webp"])


def made(place: Place, **asked: Any) -> tuple[str, bytes]:
    """The id and the bytes of one picture."""
    answer: Any = place.sdk.images.generate(model=DEMO, prompt=PROMPT, size="256x256", **asked)
    name = answer.data[0].triptych["image"]
    return name, place.get(f"/api/images/{name}").content


def verdicts(receipt: bytes, data: bytes) -> dict[str, tuple[str, str]]:
    report = verify(Evidence(receipt=receipt, images={"home": data}, credentials=credentials_of))
    return {line.what: (line.verdict, line.detail) for line in report.lines}


@needed
@FORMATS
def test_the_file_and_its_receipt_hold_together(own_place: Place, form: str) -> None:
    place = own_place.open()
    name, kept = made(place, output_format=form)
    home = place.get(f"/api/images/{name}?download=1")
    beside = place.get(f"/api/images/{name}/receipt")
    assert home.headers["x-triptych-content-credentials"] == "embedded"
    assert (has_credentials(kept), has_credentials(home.content), bare(home.content)) == (False, True, kept)
    shown = home.headers["content-disposition"].partition("filename=")[2]
    assert f"{shown.strip(chr(34)).rpartition('.')[0]}.receipt.jws" in beside.headers["content-disposition"]
    assert home.headers["x-triptych-receipt"] == read(beside.content).payload["id"]

    said = verdicts(beside.content, home.content)
    assert said["image home"] == (
        "proved",
        "It is output 1, byte for byte, once its content credentials and its recipe are taken out.",
    )
    assert said["credentials home"][0] == "proved", said
    assert verdicts(beside.content, kept)["image home"] == ("proved", "It is output 1, byte for byte.")
    for spot in (len(home.content) // 2, len(home.content) - 20):
        flipped = bytearray(home.content)
        flipped[spot] ^= 1
        assert "FALSE" in {verdict for verdict, _ in verdicts(beside.content, bytes(flipped)).values()}

    told: Any = credentials_of(home.content)
    (first,) = told["assertions"]["c2pa.actions.v2"]["actions"]
    assert (first["action"], first["softwareAgent"]["name"]) == ("c2pa.created", "woodcut")
    assert first["digitalSourceType"].endswith("/algorithmicMedia"), "a painter is no AI"
    assert not any(word in json.dumps(told) for word in ("kettle", "unheard", "brass"))
    assert home.headers["x-triptych-recipe"] == "embedded"
    said_there = json.loads(recipe_in(home.content) or "")
    assert (said_there["model"], said_there["request"]["prompt"]) == (DEMO, PROMPT)


@needed
def test_an_edit_names_the_picture_that_it_was_made_from(own_place: Place) -> None:
    place = own_place.open()
    source = picture("PNG", 256)
    answer: Any = place.sdk.images.edit(model=DEMO, prompt=PROMPT, image=("a.png", source, "image/png"), size="256x256")
    home = place.get(f"/api/images/{answer.data[0].triptych['image']}?download=1")
    told: Any = credentials_of(home.content)
    assert home.headers["x-triptych-content-credentials"] == "embedded"
    assert [one["action"] for one in told["assertions"]["c2pa.actions.v2"]["actions"]] == ["c2pa.opened", "c2pa.edited"]
    assert (told["state"], told["ingredients"]) == ("untrusted", 1)


@needed
def test_another_receipt_and_a_receipt_of_another_picture_are_told(own_place: Place) -> None:
    place = own_place.open()
    (first, _), (second, _) = made(place, extra_body={"seed": 1}), made(place, extra_body={"seed": 2})
    files = {name: place.get(f"/api/images/{name}?download=1").content for name in (first, second)}
    other = place.get(f"/api/images/{second}/receipt").content
    assert verdicts(other, files[first])["image home"][0] == "FALSE"


@FORMATS
def test_a_recipe_needs_no_package_and_the_file_is_still_the_signed_one(own_place: Place, form: str) -> None:
    (own_place.data / "triptych.toml").write_text("content_credentials = false\n")
    place = own_place.open()
    name, kept = made(place, output_format=form)
    home = place.get(f"/api/images/{name}?download=1")
    assert (home.headers["x-triptych-content-credentials"], home.headers["x-triptych-recipe"]) == ("off", "embedded")
    assert (bare(home.content), json.loads(recipe_in(home.content) or "")["request"]["prompt"]) == (kept, PROMPT)
    said = verdicts(place.get(f"/api/images/{name}/receipt").content, home.content)
    assert said["image home"] == ("proved", "It is output 1, byte for byte, once its recipe is taken out.")
    assert "credentials home" not in said


@needed
def test_content_credentials_go_in_without_a_recipe(own_place: Place) -> None:
    (own_place.data / "triptych.toml").write_text("recipe_in_files = false\n")
    place = own_place.open()
    name, kept = made(place)
    home = place.get(f"/api/images/{name}?download=1")
    assert (home.headers["x-triptych-recipe"], recipe_in(home.content), bare(home.content)) == ("none", None, kept)
    assert not any(word in home.content.decode("latin-1") for word in ("kettle", "unheard", "brass"))
    said = verdicts(place.get(f"/api/images/{name}/receipt").content, home.content)
    assert said["image home"][1].endswith(", once its content credentials are taken out.")


@pytest.mark.parametrize("why", ["off", "not_installed"])
def test_without_either_the_file_is_the_kept_one(own_place: Place, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    off = "recipe_in_files = false\n"
    (own_place.data / "triptych.toml").write_text(f"{off}content_credentials = {'false' if why == 'off' else 'true'}\n")
    if why == "not_installed":
        without = partial(Credentials, installed=lambda: False)
        monkeypatch.setattr("triptych.app.credentials.Credentials", without)
    place = own_place.open()
    name, kept = made(place)
    home = place.get(f"/api/images/{name}?download=1")
    assert (home.headers["x-triptych-content-credentials"], home.content) == (why, kept)
    assert home.headers["x-triptych-recipe"] == "none"
    assert verdicts(place.get(f"/api/images/{name}/receipt").content, home.content)["image home"][0] == "proved"


def test_no_receipt_for_what_is_not_there(own_place: Place) -> None:
    assert own_place.open().get("/api/images/img_gone/receipt").status_code == 404


# The command line.


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    with cli_on(tmp_path / "data", monkeypatch, capsys) as found:
        yield found


def test_the_command_writes_the_receipt_beside_the_picture(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    said = cli("generate", PROMPT, "-m", DEMO, "--size", "256x256", "-o", str(folder))
    (path,) = map(Path, said.out.splitlines())
    beside = path.with_name(path.stem + ".receipt.jws")
    assert sorted(folder.iterdir()) == sorted([path, beside])
    checked = cli("verify", str(beside), str(path), "--json")
    lines = {line["what"]: line["verdict"] for line in json.loads(checked.out)["lines"]}
    assert (checked.code, lines[f"image {path}"], lines["signature"]) == (0, "proved", "proved")
    assert json.loads(recipe_in(path.read_bytes()) or "")["request"]["prompt"] == PROMPT
    if installed():
        assert (lines[f"credentials {path}"], has_credentials(path.read_bytes())) == ("proved", True)
    assert "content credentials" in cli("doctor").out


def test_neither_of_two_files_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "fox-2.receipt.jws").write_bytes(b"mine")
    paths = [write_new(tmp_path / "fox.png", b"picture", b"receipt") for _ in range(3)]
    assert [path.name for path in paths] == ["fox.png", "fox-3.png", "fox-4.png"]
    assert (tmp_path / "fox-2.receipt.jws").read_bytes() == b"mine"
    assert sorted(one.name for one in tmp_path.glob("*.jws")) == [
        "fox-2.receipt.jws", "fox-3.receipt.jws", "fox-4.receipt.jws", "fox.receipt.jws",
    ]  # fmt: skip


# What a provider's file came with.


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Intake]:
    workshop, blobs = Workshop(processes=1), open_blobs(tmp_path / "blobs")
    credentials = Credentials(blobs=blobs, workshop=workshop, key=key_in(tmp_path / "own"))
    yield Intake(blobs, workshop, SystemClock(), credentials)
    await workshop.close()


def result(*data: bytes) -> RoutedResult:
    return RoutedResult(
        endpoint="one/kettle", model_served="kettle-1", lane="commercial", adjustments=(), failures=(), usage=Usage(),
        images=tuple(GeneratedImage(data=one) for one in data), cost=Cost(1, "table"), billed="yes", attempts=(),
    )  # fmt: skip


async def taken_in(intake: Intake, data: bytes, output_format: str | None = None) -> Taken:
    taken = await intake.read("tile_1", ImageRequest(prompt=PROMPT, output_format=output_format), result(data))
    await intake.keep(taken)
    return taken


def receipt_for(kept: PictureRecord) -> tuple[ReceiptRecord, dict[str, Any]]:
    record = ReceiptMaker(SIGNER, SystemClock()).make(TILE, (kept,), FACTS)
    assert record is not None
    return record, dict(read(record.body.encode()).payload["outputs"][0])


@needed
@pytest.mark.parametrize("kind", list(KINDS))
async def test_an_upstream_manifest_is_stated_and_carried_on(intake: Intake, tmp_path: Path, kind: str) -> None:
    signed = upstream(tmp_path, picture(kind), kind)
    (kept,) = (await taken_in(intake, signed)).pictures
    assert kept.sha256 == hashlib.sha256(signed).hexdigest(), "what came is kept as it came"
    record, said = receipt_for(kept)
    assert said["upstream_credentials"] == {
        "state": "untrusted", "issuer": "Triptych, self-signed", "generator": "Painter of Elsewhere", "carried": True,
    }  # fmt: skip
    assert said["bare_sha256"] == hashlib.sha256(picture(kind)).hexdigest()

    assert intake._credentials is not None
    home = await intake._credentials.deliver(TILE, kept, signed, record, is_ai=True)
    told: Any = await asyncio.to_thread(credentials_of, home.data)
    assert (home.credentials, told["state"], told["ingredients"]) == ("embedded", "untrusted", 1)
    assert [one["action"] for one in told["assertions"]["c2pa.actions.v2"]["actions"]] == ["c2pa.opened"]
    lines = await asyncio.to_thread(verdicts, record.body.encode(), home.data)
    assert (lines["image home"][0], lines["credentials home"][0]) == ("proved", "proved")


@needed
async def test_what_is_converted_says_so_and_keeps_the_original(intake: Intake, tmp_path: Path) -> None:
    signed = upstream(tmp_path, picture())
    taken = await taken_in(intake, signed, output_format="webp")
    (kept,) = taken.pictures
    assert "takes its content credentials out" in taken.adjustments[0].detail
    _, said = receipt_for(kept)
    assert said["upstream_credentials"]["carried"] is False
    assert said["received"] == {
        "sha256": hashlib.sha256(signed).hexdigest(), "bytes": len(signed), "media_type": "image/png",
    }  # fmt: skip
    assert intake._credentials is not None
    data = await intake._credentials.blobs.get(kept.sha256)
    assert data is not None
    home = await intake._credentials.deliver(TILE, kept, data, None, is_ai=True)
    told: Any = await asyncio.to_thread(credentials_of, home.data)
    actions = [one["action"] for one in told["assertions"]["c2pa.actions.v2"]["actions"]]
    assert (actions, told["ingredients"]) == (["c2pa.opened", "c2pa.transcoded"], 1)


@needed
@pytest.mark.parametrize("place", [0.5, 0.75])
async def test_a_broken_manifest_loses_no_picture(intake: Intake, tmp_path: Path, place: float) -> None:
    signed = bytearray(upstream(tmp_path, picture(side=300, colour="red")))
    at = signed.index(b"caBX") + 300 if place == 0.5 else signed.index(b"caBX") + 40
    signed[at : at + 60] = bytes(60)
    data = bytes(signed)
    (kept,) = (await taken_in(intake, data)).pictures
    record, said = receipt_for(kept)
    assert said["upstream_credentials"]["state"] == "broken"
    assert intake._credentials is not None
    home = await intake._credentials.deliver(TILE, kept, data, record, is_ai=True)
    lines = await asyncio.to_thread(verdicts, record.body.encode(), home.data)
    assert lines["image home"][0] == "proved"
    assert home.credentials in {"embedded", "failed"}
    assert home.data == data or bare(home.data) == bare(data)


@needed
async def test_a_recipe_never_breaks_a_providers_own_credentials(intake: Intake, tmp_path: Path) -> None:
    signed = upstream(tmp_path, picture())
    (kept,) = (await taken_in(intake, signed)).pictures
    assert intake._credentials is not None
    off = replace(intake._credentials, on=False)
    home = await off.deliver(TILE, kept, signed, None, is_ai=True)
    assert (home.data, home.credentials, home.recipe) == (signed, "off", False)


async def test_a_file_that_came_with_a_recipe_goes_as_it_came(intake: Intake) -> None:
    came = with_recipe(picture(), "{}")
    assert came is not None
    (kept,) = (await taken_in(intake, came)).pictures
    assert intake._credentials is not None
    home = await intake._credentials.deliver(TILE, kept, came, None, is_ai=True)
    assert (home.data, home.recipe) == (came, False)


async def test_a_picture_without_any_says_nothing_of_it(intake: Intake) -> None:
    (kept,) = (await taken_in(intake, picture())).pictures
    _, said = receipt_for(kept)
    assert said.keys() == {"sha256", "bytes", "media_type", "width", "height"}


@needed
async def test_without_the_package_a_manifest_is_unread_and_stays(tmp_path: Path) -> None:
    workshop, blobs = Workshop(), open_blobs(tmp_path / "blobs")
    key = key_in(tmp_path / "own")
    without = Credentials(blobs=blobs, workshop=workshop, key=key, installed=lambda: False)
    signed = upstream(tmp_path, picture())
    found = await without.upstream(signed, carried=True)
    assert found is not None
    assert (found.state, found.issuer) == ("unread", None)


@given(
    prompt=st.text(min_size=1), negative=st.none() | st.text(min_size=1),
    knobs=st.dictionaries(st.sampled_from(["chaos", "style", "mood"]), st.text() | st.floats(0, 1)),
)  # fmt: skip
def test_no_word_that_was_written_is_in_what_is_signed(
    prompt: str, negative: str | None, knobs: dict[str, Any]
) -> None:
    """Neither in the receipt nor in the manifest: they are the same whatever was written."""

    def signed(words: str, against: str | None, settings: dict[str, Any]) -> tuple[str, str]:
        request = {**TILE.request, "prompt": words, "negative_prompt": against, "knobs": settings}
        notes = tuple(Adjustment(name, "unsupported", f"{value!r} was not sent") for name, value in settings.items())
        said = Adjustment("negative_prompt", "unsupported", f"{against!r} was not sent")
        tile = replace(TILE, request=request, adjustments=(*notes, said))
        attempt = replace(FACTS.attempts[0], wires=(replace(FACTS.attempts[0].wires[0], body=words),))
        facts = replace(FACTS, attempts=(attempt,), run=replace(FACTS.run, text=words) if FACTS.run else None)
        body = facts_of(tile, (picture_record(),), facts, bytes(32))
        return json.dumps(body), json.dumps(manifest(tile, picture_record(), None, is_ai=True, edited=False))

    plain = dict.fromkeys(knobs, "x")
    assert signed(prompt, negative, knobs) == signed("x", None if negative is None else "x", plain)


def test_a_model_is_trained_and_a_painter_is_not() -> None:
    for is_ai, kind in ((True, "trainedAlgorithmicMedia"), (False, "algorithmicMedia")):
        said: Any = manifest(TILE, picture_record(), None, is_ai=is_ai, edited=False)
        (action,) = said["assertions"][0]["data"]["actions"]
        assert action["digitalSourceType"].endswith(f"/{kind}")
        assert action["softwareAgent"] == {"name": "kettle-1"}
