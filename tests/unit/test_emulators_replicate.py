"""Replicate's own package before its emulator: what the package sends is taken, and what the emulator answers is understood."""

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError
from tests.emulators import Emulators, Kind, Scenario
from tests.emulators.client import png
from tests.emulators.replicate import VERSIONS, Replicate

from triptych.imaging.header import header

FAST, EDITS = "black-forest-labs/flux-schnell", "black-forest-labs/flux-kontext-pro"


@pytest.fixture
def emulator(emulators: Emulators) -> Replicate:
    return emulators.replicate


@pytest.fixture
def client(emulator: Replicate) -> Iterator[Any]:
    made = Client(api_token=emulator.key, base_url=emulator.base_url.removesuffix("/v1"))
    made.poll_interval = 0.0
    yield made
    made._client.close()


def fetched(output: Any) -> bytes:
    """A result by its address: the package itself opens those that begin with https alone."""
    return httpx.get(str(output), timeout=90, trust_env=False).content


def test_it_generates(client: Any, emulator: Replicate) -> None:
    made = client.run(
        FAST, input={"prompt": "a kettle", "num_outputs": 2, "aspect_ratio": "16:9", "output_format": "png"}
    )
    assert [header(fetched(one)).media_type for one in made] == ["image/png"] * 2
    assert emulator.submits[0].headers["prefer"].startswith("wait")


def test_it_edits(client: Any) -> None:
    made = client.run(FAST, input={"prompt": "a kettle", "output_format": "png"})
    picture = io.BytesIO(fetched(made[0]))
    picture.name = "kettle.png"
    edited = client.run(EDITS, input={"prompt": "at night", "input_image": picture}, file_encoding_strategy="base64")
    assert header(fetched(edited[0])).width > 0


def version_of(model: str) -> str:
    return next(version for version, name in VERSIONS.items() if name == model)


def test_it_runs_a_version_and_uploads_a_file_for_it(client: Any, emulator: Replicate) -> None:
    picture = io.BytesIO(png(96, 64))
    picture.name = "kettle.png"
    version = version_of(EDITS)
    (made,) = client.run(
        f"{EDITS}:{version}", input={"prompt": "at night", "input_image": picture, "output_format": "png"}
    )
    assert header(fetched(made)).media_type == "image/png"
    (file,) = client.files.list()
    assert (file.name, file.content_type, file.checksums["sha256"]) == (
        "kettle.png", "image/png", hashlib.sha256(png(96, 64)).hexdigest(),
    )  # fmt: skip
    sent = emulator.submits[0]
    assert (sent.path, sent.body["version"], sent.body["input"]["input_image"]) == (
        "/v1/predictions",
        version,
        file.urls["get"],
    )
    assert (client.files.delete(file.id), client.files.list()) == (True, [])


def test_a_version_or_a_file_that_is_not_there_is_refused(client: Any) -> None:
    with pytest.raises(ReplicateError, match="version does not exist") as caught:
        client.predictions.create(version="0" * 64, input={"prompt": "x"})
    assert caught.value.status == 422
    with pytest.raises(ReplicateError, match="uri"):
        client.run(EDITS, input={"prompt": "x", "input_image": "https://api.replicate.com/v1/files/gone"})


def test_it_tells_of_a_model_and_of_none_that_is_not_there(client: Any) -> None:
    found = client.models.get("black-forest-labs/flux-dev")
    assert (found.owner, found.name, found.visibility) == ("black-forest-labs", "flux-dev", "public")
    with pytest.raises(ReplicateError) as refused:
        client.models.get("black-forest-labs/flux-gone")
    assert refused.value.status == 404


def test_it_asks_until_a_job_is_done(client: Any, emulator: Replicate) -> None:
    emulator.play(Scenario(polls=2))
    assert len(client.run(FAST, input={"prompt": "a kettle"}, wait=False)) == 1


def test_it_raises_what_went_wrong(client: Any, emulator: Replicate) -> None:
    emulator.play(Kind.MODERATION_INPUT)
    with pytest.raises(ModelError, match="NSFW"):
        client.run(FAST, input={"prompt": "x"})
    emulator.play(Kind.NO_CREDIT)
    with pytest.raises(ReplicateError) as broke:
        client.run(FAST, input={"prompt": "x"})
    assert broke.value.status == 402
