"""A node's receipt checked with files alone: what is proved, what is not known, and each lie as FALSE."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.cli_tools import Cli, cli_on
from tests.unit.network.card_tools import NODE, NODE_ID, STRANGER, STRANGER_ID
from tests.unit.network.test_node_receipt import BLUE, BODY, GIVEN, RED, picture, receipt

from triptych.imaging.recipe import with_recipe
from triptych.network.jose import jwk_of
from triptych.network.jws import sign_line
from triptych.network.node_receipt import TYPE
from triptych.network.verify_node import verify_node

FILES = {"a.png": RED, "b.png": BLUE, "given.webp": GIVEN}


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    with cli_on(tmp_path / "data", monkeypatch, capsys) as made_one:
        yield made_one


def told(data: bytes, images: dict[str, bytes] | None = None, *trusted: str) -> dict[str, str]:
    report = verify_node(data, FILES if images is None else images, trusted)
    return {line.what: line.verdict for line in report.lines}


def test_what_an_honest_receipt_proves_and_what_it_cannot() -> None:
    data = receipt().line.leaf
    assert told(data, None, NODE_ID) == {
        "signature": "proved", "signer": "proved", "image a.png": "proved", "image b.png": "proved", "image given.webp": "proved",
        "outcome": "proved", "times": "not checked", "model": "not checked",
    }  # fmt: skip
    assert told(data, {"b.png": BLUE})["images"] == "not checked", "one picture was not brought"
    assert told(data)["signer"] == "not checked"
    assert told(data, None, STRANGER_ID)["signer"] == "FALSE"


def test_a_picture_that_was_taken_home_with_its_recipe_is_still_the_one_that_was_signed() -> None:
    home = with_recipe(RED, "a kettle")
    assert home is not None
    assert home != RED
    assert told(receipt().line.leaf, {"home.png": home})["image home.png"] == "proved"


@pytest.mark.parametrize(
    ("changed", "false"),
    [
        ({"outputs": (msgspec.structs.replace(BODY.outputs[0], width=63), BODY.outputs[1])}, "image a.png"),
        ({"outputs": (msgspec.structs.replace(BODY.outputs[0], bytes=9), BODY.outputs[1])}, "image a.png"),
        ({"outputs": (BODY.outputs[1],)}, "image a.png"), ({"inputs": ()}, "image given.webp"),
        ({"outputs": (*BODY.outputs, BODY.outputs[0])}, "outcome"), ({"policy": "refused"}, "outcome"),
        ({"started_ms": BODY.ended_ms + 1}, "times"),
    ],
)  # fmt: skip
def test_a_receipt_that_does_not_fit_its_pictures_or_itself_is_false(changed: dict[str, Any], false: str) -> None:
    found = told(receipt(**changed).line.leaf)
    assert {what for what, verdict in found.items() if verdict == "FALSE"} == {false}


def test_a_refusal_without_pictures_holds_and_one_that_is_done_without_them_does_not() -> None:
    assert told(receipt(policy="refused", outputs=()).line.leaf, {})["outcome"] == "proved"
    assert told(receipt(policy="censored", outputs=()).line.leaf, {})["outcome"] == "proved"
    assert told(receipt(outputs=()).line.leaf, {})["outcome"] == "FALSE"


def test_what_was_changed_or_signed_in_anothers_name_is_no_receipt() -> None:
    head, body, signature = receipt().line.text.split(".")
    changed = f"{head}.{body[:-8]}AAAAAAAA.{signature}".encode()
    other = sign_line(dict(receipt().line.payload), STRANGER, TYPE).encode()
    for data in (changed, other, b"not a receipt"):
        report = verify_node(data, {}, ())
        assert [(line.what, line.verdict) for line in report.lines] == [("signature", "FALSE")]
        assert report.receipt is None


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    bodies = {
        **FILES,
        "a.jws": receipt().line.leaf,
        "other.png": picture("teal"),
        "node.key": json.dumps(jwk_of(NODE.key.public)).encode(),
    }
    for name, data in bodies.items():
        (tmp_path / name).write_bytes(data)
    return {name: str(tmp_path / name) for name in bodies}


def test_the_command_tells_the_receipts_of_nodes_from_those_of_routers(cli: Cli, files: dict[str, str]) -> None:
    pictures = [files["a.png"], files["b.png"]]
    for way in (("--node", NODE_ID), ("--key", files["node.key"])):
        said = cli("verify", files["a.jws"], *pictures, *way)
        assert said.code == 0, said.err
        assert said.out.splitlines()[-1] == "Nothing is FALSE: 5 proved, 2 not checked."
        assert "Which model the node really ran" in " ".join(said.out.split())
    stranger = json.loads(cli("verify", files["a.jws"], *pictures, "--json", "--node", STRANGER_ID).out)
    assert [line["what"] for line in stranger["lines"] if line["verdict"] == "FALSE"] == ["signer"]
    assert stranger["receipt"]["req"] == BODY.req
    wrong = cli("verify", files["a.jws"], files["other.png"])
    assert wrong.code == 1
    assert "is no picture of this receipt" in " ".join(wrong.out.split())


def test_an_option_of_the_other_kind_of_receipt_is_a_wrong_call(cli: Cli, files: dict[str, str]) -> None:
    said = cli("verify", files["a.jws"], "--log", "their-log")
    assert (said.code, "the receipt of a node, and --log is not for those" in said.err) == (2, True), said.err
    short = cli("verify", files["a.jws"], "--node", NODE_ID[:10])
    assert (short.code, "takes the whole id of a node" in short.err) == (2, True), "and nobody is accused"
    placed = cli("verify", files["a.jws"], files["a.jws"])
    assert (placed.code, "the receipt of a node; it comes first" in placed.err) == (2, True)
    changed = cli("verify", files["a.png"])
    assert (changed.code, "a picture; it comes after the receipt" in changed.err) == (2, True)
