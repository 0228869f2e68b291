"""No silent downscale on save: wherever a picture leaves this place, it is what the provider sent, in its size and not encoded
again, or it is said what was made of it."""

import base64
import hashlib
import io
import struct
import zipfile
from typing import Any

import pytest
from PIL import Image
from tests.emulators import Emulators
from tests.integration.place import Place
from tests.integration.test_openai_sdk import GOOGLE, OPENAI, XAI, extra

KINDS = [
    (GOOGLE, "google", "a kettle --size 2k --ar 3:2", "image/png"),
    (XAI, "xai", "a kettle --ar 3:2", "image/jpeg"),
    (OPENAI, "openai", "a kettle --size 1536x1024 --format webp", "image/webp"),
]


def drawing(data: bytes) -> bytes:
    """What is drawn in a file, as it was encoded: everything but the parts of the format that are for notes."""
    if data.startswith(b"\x89PNG"):
        return b"".join(_png(data))
    if data.startswith(b"\xff\xd8"):
        return b"".join(_jpeg(data))
    assert data[8:12] == b"WEBP"
    return b"".join(_webp(data))


def _png(data: bytes) -> Any:
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] in {b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"IEND"}:
            yield data[at : at + 12 + length]
        at += 12 + length


def _jpeg(data: bytes) -> Any:
    at = 2
    while data[at + 1] != 0xDA:  # start of scan: from there on it is the picture
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if not 0xE1 <= data[at + 1] <= 0xEF and data[at + 1] != 0xFE:
            yield data[at : at + 2 + length]
        at += 2 + length
    yield data[at:]


def _webp(data: bytes) -> Any:
    at = 12
    while at + 8 <= len(data):
        (length,) = struct.unpack("<I", data[at + 4 : at + 8])
        if data[at : at + 4] in {b"VP8 ", b"VP8L", b"ALPH"}:
            yield data[at : at + 8 + length]
        at += 8 + length + length % 2


@pytest.mark.parametrize(("model", "vendor", "text", "kind"), KINDS)
def test_silent_downscale_on_save_a_download_is_what_the_provider_sent(
    place: Place, emulators: Emulators, model: str, vendor: str, text: str, kind: str
) -> None:
    image = place.make(text, model)["images"][0]
    (sent,) = getattr(emulators, vendor).served
    assert (sent.media_type, image["media_type"]) == (kind, kind)
    assert (image["width"], image["height"], image["bytes"]) == (sent.width, sent.height, len(sent.data))
    assert max(sent.width, sent.height) > 1024
    for way in (image["url"], f"/api/uploads/{image['sha256']}"):
        assert place.get(way).content == sent.data, way
    saved = place.get(f"{image['url']}?download=1")
    assert saved.headers["content-type"] == kind
    assert saved.headers["x-triptych-recipe"] == "embedded"  # this alone is why the bytes differ, and it is said
    assert saved.content != sent.data
    assert drawing(saved.content) == drawing(sent.data)


@pytest.mark.parametrize(("model", "vendor", "text", "kind"), KINDS)
def test_silent_downscale_on_save_without_notes_every_byte_is_the_providers(
    own_place: Place, emulators: Emulators, model: str, vendor: str, text: str, kind: str
) -> None:
    place = own_place
    place.overrides = {"content_credentials": False, "recipe_in_files": False}
    place.open()
    image = place.make(text, model)["images"][0]
    (sent,) = getattr(emulators, vendor).served
    saved = place.get(f"{image['url']}?download=1")
    assert (saved.headers["content-type"], saved.headers["x-triptych-recipe"]) == (kind, "none")
    assert saved.content == sent.data
    kit = place.post("/api/kits", {"picture": image["id"], "formats": ["1x1"]}).json()
    archive = zipfile.ZipFile(io.BytesIO(place.get(f"/api/kits/{kit['id']}/export").content))
    (original,) = [name for name in archive.namelist() if name.startswith("originals/") and not name.endswith(".jws")]
    assert archive.read(original) == sent.data
    made = place.send("POST", "/api/imports", content=saved.content, params={"name": "back.file"}).json()["tile"]
    again = made["images"][0]
    assert (again["sha256"], again["bytes"]) == (hashlib.sha256(sent.data).hexdigest(), len(sent.data))
    assert place.get(f"{again['url']}?download=1").content == sent.data


def test_silent_downscale_on_save_a_program_gets_what_the_provider_sent(place: Place, emulators: Emulators) -> None:
    answer = place.sdk.images.generate(model=OPENAI, prompt="a kettle", size="1536x1024", output_format="webp")
    (sent,) = emulators.openai.served
    assert answer.data is not None
    assert drawing(base64.b64decode(answer.data[0].b64_json or "")) == drawing(sent.data)
    assert extra(answer)["warnings"] == []


def test_silent_downscale_on_save_what_is_encoded_again_is_told(place: Place, emulators: Emulators) -> None:
    tile = place.make("a kettle --format jpeg", GOOGLE)
    (sent,) = emulators.google.served
    image = tile["images"][0]
    (note,) = [each for each in tile["adjustments"] if each["feature"] == "output_format"]
    assert (note["kind"], "converted to JPEG here" in note["detail"]) == ("emulated", True)
    assert (image["media_type"], sent.media_type) == ("image/jpeg", "image/png")
    assert (image["width"], image["height"]) == (sent.width, sent.height)
    saved = Image.open(io.BytesIO(place.get(f"{image['url']}?download=1").content))
    assert (saved.format, saved.size) == ("JPEG", (sent.width, sent.height))


def test_temp_url_expiry_loses_no_picture(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    tile = place.make("a kettle", "relay/only-url")
    image = tile["images"][0]
    (sent,) = emulators.relay.served
    emulators.files.expire_all()
    fetched = len(emulators.files.requests)
    place.close()
    place.open()
    assert place.get(image["url"]).content == sent.data
    assert drawing(place.get(f"{image['url']}?download=1").content) == drawing(sent.data)
    assert (
        place.get(image["thumb"]).headers["content-type"] == "image/webp"
    )  # made at the first look, from what is here
    again = place.make("warmer", GOOGLE, images=[{"sha256": image["sha256"], "role": "edit"}])
    assert again["state"] == "done"
    assert len(emulators.files.requests) == fetched
