"""Going direct: what is given out for a receipt makes, without Triptych, the call that was made."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.emulators import Emulators
from tests.emulators.base import Emulator, Form
from tests.integration.place import Place
from tests.unit.receipt_tools import picture_bytes

MODELS = {
    "openai": "openai/gpt-image-1-mini", "google": "google/gemini-3.1-flash-image", "xai": "xai/grok-imagine-image",
    "ark": "bytedance/seedream-4.0", "relay": "relay/picture", "together": "together/flux.1-schnell",
    "aihorde": "aihorde/flux.1-schnell",
}  # fmt: skip
PROMPT = 'a fox\'s "den" $HOME `id` \\ – é\nsecond line --ar 1:1'


def calls_of(place: Place, tile: str) -> list[dict[str, Any]]:
    receipt = place.get(f"/api/tiles/{tile}").json()["receipt"]
    answer = place.get(receipt["direct"])
    assert answer.headers["cache-control"] == "no-store"
    found: list[dict[str, Any]] = answer.json()["calls"]
    return found


def emulator(emulators: Emulators, name: str) -> Emulator:
    found: Emulator = getattr(emulators, name)
    return found


def run(command: list[str], folder: Path, call: dict[str, Any], key: str) -> str:
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", **({call["env"]: key} if call["env"] else {})}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fetched(place: Place, call: dict[str, Any], folder: Path) -> None:
    for file in call["files"]:
        data = place.get(file["url"]).content
        assert hashlib.sha256(data).hexdigest() == file["sha256"]
        (folder / file["name"]).write_bytes(data)


def same(one: Any, other: Any) -> None:
    """The emulator got the same request twice; of a form, the same fields and files."""
    if isinstance(one, Form):
        assert sorted(one.fields) == sorted(other.fields)
        assert sorted(map(repr, one.files)) == sorted(map(repr, other.files))
        assert [f.data for f in one.files] == [f.data for f in other.files]
    else:
        assert one == other


def made(place: Place, name: str, *, edit: bool) -> str:
    more: dict[str, Any] = {}
    if edit:
        upload = place.upload(picture_bytes())
        more = {"images": [{"sha256": upload["sha256"], "role": "edit"}]}
    tile = place.make(PROMPT, MODELS[name], **more)
    assert tile["state"] == "done", tile["error"]
    return str(tile["id"])


@pytest.mark.parametrize(("name", "edit"), [*((n, False) for n in MODELS if n != "aihorde"), ("openai", True),
                                            ("google", True), ("xai", True), ("ark", True)])  # fmt: skip
def test_the_script_for_curl_makes_the_same_call(
    place: Place, emulators: Emulators, tmp_path: Path, name: str, edit: bool
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("NOT TESTED: there is no curl on this machine")
    to = emulator(emulators, name)
    (call,) = calls_of(place, made(place, name, edit=edit))
    assert to.key not in str(call)
    assert call["exact"] is (not (name == "openai" and edit))  # a form has another boundary each time
    fetched(place, call, tmp_path)
    before = len(to.requests)
    run(["sh", "-euc", call["curl"]], tmp_path, call, to.key)
    first, again = to.requests[before - 1], to.requests[before]
    assert (again.method, again.path, dict(again.query)) == (first.method, first.path, dict(first.query))
    same(first.body, again.body)
    if call["exact"]:
        sent = tmp_path / "body"
        caught = call["curl"].replace("curl --silent", f"catch {sent} --silent", 1)
        run(["sh", "-euc", CATCH + caught], tmp_path, call, to.key)
        assert hashlib.sha256(sent.read_bytes()).hexdigest() == call["body_sha256"]


CATCH = """catch() { out=$1; shift
while [ $# -gt 0 ]; do case $1 in --data-raw) printf %s "$2" >"$out"; return;; --data-binary) cat >"$out"; return;; esac; shift; done; }
"""


@pytest.mark.parametrize(("name", "edit"), [("openai", False), ("openai", True), ("xai", False), ("xai", True),
                                            ("ark", False), ("ark", True), ("relay", False), ("together", False)])  # fmt: skip
def test_the_script_for_the_sdk_makes_the_same_call(
    place: Place, emulators: Emulators, tmp_path: Path, name: str, edit: bool
) -> None:
    to = emulator(emulators, name)
    (call,) = calls_of(place, made(place, name, edit=edit))
    fetched(place, call, tmp_path)
    before = len(to.requests)
    run([sys.executable, "-c", call["sdk"]], tmp_path, call, to.key)
    first, again = to.requests[before - 1], to.requests[before]
    assert again.path == first.path
    same(first.body, again.body)


def test_what_is_said_beside_the_scripts(place: Place, emulators: Emulators) -> None:
    tile = made(place, "openai", edit=False)
    (call,) = calls_of(place, tile)
    assert (call["endpoint"], call["env"], call["status"]) == (MODELS["openai"], "OPENAI_API_KEY", 200)
    assert call["request_id"]
    assert "${OPENAI_API_KEY}" in call["curl"]
    painter = place.make("a fox --size 64x64", "demo/woodcut")
    assert calls_of(place, painter["id"]) == []
    assert place.get("/v1/receipts/rcpt_none/direct").status_code == 404
