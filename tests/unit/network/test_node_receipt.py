"""Receipts of nodes: each lie has its own error, and a picture that does not fit is never let through."""

import hashlib
import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.unit.network.card_tools import MODEL, NODE, NODE_ID, NOW, STRANGER, STRANGER_ID, made

from triptych.network import job, node_receipt
from triptych.network.card import SKEW_MS
from triptych.network.job import Job, Submit
from triptych.network.jose import decode_url64
from triptych.network.jws import sign_line
from triptych.network.node_receipt import NodeReceipt, NodeReceiptError, ReceiptBody


def picture(colour: str, kind: str = "PNG", size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


RED, BLUE, GIVEN = picture("red"), picture("blue"), picture("green", "WEBP")
CARD = made(seq=5, models=(msgspec.structs.replace(MODEL, sampler="ddim"),))
JOB = Job(
    model="sdxl", prompt="a kettle", seed=7, nonce="n" * 22, sent_ms=NOW, n=2, size="64x48", steps=30,
    images=(job.described(GIVEN, "image/webp", "edit"),),
)  # fmt: skip
ASKED = Submit.of(JOB, [GIVEN])
BODY = ReceiptBody(
    node=NODE_ID, card_seq=5, req=ASKED.hash, nonce=node_receipt.nonce_hash(JOB.nonce), inputs=(hashlib.sha256(GIVEN).hexdigest(),),
    outputs=(node_receipt.output(RED), node_receipt.output(BLUE)), model="sdxl", digest=MODEL.digest, engine=MODEL.engine,
    precision=MODEL.precision, seed=7, steps=30, policy="ok", sampler="ddim", received_ms=NOW + 5, started_ms=NOW + 6, ended_ms=NOW + 4000,
)  # fmt: skip


def receipt(**changed: Any) -> NodeReceipt:
    return node_receipt.read(node_receipt.sign(msgspec.structs.replace(BODY, **changed), NODE).encode())


def why(
    found: NodeReceipt, pictures: tuple[bytes, ...] = (RED, BLUE), asked: Submit = ASKED, now_ms: int = NOW + 4100
) -> str:
    with pytest.raises(NodeReceiptError) as told:
        node_receipt.check(found, asked, CARD, pictures, now_ms)
    return told.value.reason


def test_an_honest_receipt() -> None:
    assert node_receipt.check(receipt(), ASKED, CARD, (RED, BLUE), NOW + 4100) == "ok"
    assert (
        node_receipt.check(
            receipt(card_seq=6, log=node_receipt.NodeLog(size=1, root="0" * 64)), ASKED, CARD, (RED, BLUE), NOW + 4100
        )
        == "ok"
    )


def test_a_receipt_has_no_word_of_the_job_and_no_nonce() -> None:
    text = decode_url64(receipt().line.text.split(".")[1]) or b""
    assert b"kettle" not in text
    assert JOB.nonce.encode() not in text
    assert json.loads(text)["req"] == hashlib.sha256(ASKED.body).hexdigest()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"card_seq": 4}, "card"), ({"nonce": "0" * 64}, "other_nonce"), ({"req": "0" * 64}, "other_request"),
        ({"inputs": ()}, "inputs"), ({"inputs": ("0" * 64,)}, "inputs"), ({"model": "flux"}, "other_model"),
        ({"digest": "0" * 64}, "other_model"), ({"digest": None}, "other_model"), ({"engine": "a1111"}, "other_model"),
        ({"precision": "int8"}, "other_model"), ({"steps": 15}, "steps"), ({"sampler": "euler"}, "sampler"), ({"sampler": None}, "sampler"), ({"seed": 8}, "seed"),
        ({"received_ms": NOW - SKEW_MS - 1}, "time"), ({"received_ms": NOW + 7}, "time"),
        ({"started_ms": NOW + 4001}, "time"), ({"ended_ms": NOW + 4101 + SKEW_MS}, "time"),
        ({"policy": "refused"}, "policy"), ({"policy": "censored"}, "policy"), ({"outputs": BODY.outputs[:1]}, "policy"),
        ({"outputs": (BODY.outputs[0], BODY.outputs[0])}, "twice"),
        ({"outputs": BODY.outputs[::-1]}, "other_bytes"),
        ({"outputs": (msgspec.structs.replace(BODY.outputs[0], width=128), BODY.outputs[1])}, "size"),
        ({"outputs": (msgspec.structs.replace(BODY.outputs[0], media_type="image/jpeg"), BODY.outputs[1])}, "type"),
        ({"outputs": (msgspec.structs.replace(BODY.outputs[0], bytes=1), BODY.outputs[1])}, "other_bytes"),
    ],
)  # fmt: skip
def test_each_lie_is_named(changed: dict[str, Any], reason: str) -> None:
    assert why(receipt(**changed)) == reason


def over(*pictures: bytes) -> NodeReceipt:
    return receipt(outputs=tuple(node_receipt.output(one) for one in pictures))


@pytest.mark.parametrize("pictures", [(RED, RED), (RED, RED[:-1]), (BLUE, RED), (RED, BLUE + b"\0")])
def test_other_bytes_than_were_signed(pictures: tuple[bytes, ...]) -> None:
    assert why(receipt(), pictures) == "other_bytes"


@pytest.mark.parametrize("pictures", [(RED,), (RED, BLUE, RED), ()])
def test_more_or_less_than_was_signed(pictures: tuple[bytes, ...]) -> None:
    assert why(receipt(), pictures) == "count"


def test_half_the_resolution() -> None:
    small = picture("red", size=(32, 24))
    assert why(over(small, BLUE), (small, BLUE)) == "size"
    free = Submit.of(msgspec.structs.replace(JOB, size=None), [GIVEN])
    assert (
        node_receipt.check(
            receipt(req=free.hash, outputs=over(small, BLUE).body.outputs), free, CARD, (small, BLUE), NOW + 4100
        )
        == "ok"
    )


def animated() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "WEBP", save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")])
    return out.getvalue()


HOSTILE = [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html></html>", b"", b"\x89PNG\r\n\x1a\n", picture("red", "GIF"), animated(),
           b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0\1\0\0" * 2 + b"\x08\2\0\0\0" + bytes(4)]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE)
def test_what_is_no_picture_is_not_opened_though_it_is_signed(data: bytes) -> None:
    stated = msgspec.structs.replace(BODY.outputs[0], sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
    assert why(receipt(outputs=(stated, BODY.outputs[1])), (data, BLUE)) == "hostile"
    with pytest.raises(NodeReceiptError):
        node_receipt.output(data)


def test_a_refusal_is_a_receipt_too() -> None:
    assert node_receipt.check(receipt(policy="refused", outputs=()), ASKED, CARD, (), NOW + 4100) == "refused"
    assert (
        node_receipt.check(receipt(policy="censored", outputs=BODY.outputs[:1]), ASKED, CARD, (RED,), NOW + 4100)
        == "censored"
    )
    assert why(receipt(policy="ok", outputs=()), ()) == "policy"


def test_where_no_steps_are_asked_for_those_of_the_card_are_drawn() -> None:
    free = Submit.of(msgspec.structs.replace(JOB, steps=None), [GIVEN])
    assert node_receipt.check(receipt(req=free.hash, steps=MODEL.steps), free, CARD, (RED, BLUE), NOW + 4100) == "ok"
    assert why(receipt(req=free.hash, steps=MODEL.steps - 12), asked=free) == "steps"
    nothing = receipt(req=free.hash, steps=0, sampler=None, policy="refused", outputs=())
    assert node_receipt.check(nothing, free, CARD, (), NOW + 4100) == "refused"


def test_another_nodes_receipt() -> None:
    body = msgspec.structs.replace(BODY, node=STRANGER_ID)
    assert why(node_receipt.read(node_receipt.sign(body, STRANGER).encode())) == "wrong_key"
    with pytest.raises(NodeReceiptError) as told:
        node_receipt.sign(body, NODE)
    assert told.value.reason == "wrong_key"


def test_a_receipt_of_an_earlier_job() -> None:
    later = Submit.of(msgspec.structs.replace(JOB, nonce="m" * 22), [GIVEN])
    assert why(receipt(), asked=later) == "other_nonce"
    assert why(receipt(), asked=Submit.of(msgspec.structs.replace(JOB, prompt="a fox"), [GIVEN])) == "other_request"


def test_a_model_that_the_card_does_not_have() -> None:
    asked = Submit.of(msgspec.structs.replace(JOB, model="flux"), [GIVEN])
    assert why(receipt(req=asked.hash, model="flux"), asked=asked) == "other_model"


@pytest.mark.parametrize(
    "changed", [{"format": "x"}, {"extra": 1}, {"seed": "7"}, {"policy": "maybe"}, {"outputs": [{}]}]
)
def test_what_no_receipt_says(changed: dict[str, Any]) -> None:
    payload = {"format": node_receipt.FORMAT, **msgspec.to_builtins(BODY), **changed}
    with pytest.raises(NodeReceiptError) as told:
        node_receipt.read(sign_line(payload, NODE, node_receipt.TYPE).encode())
    assert told.value.reason == "malformed"


LINE = receipt().line.leaf


@settings(deadline=None)
@given(at=st.integers(0, 2000), bit=st.integers(0, 7), data=st.binary(max_size=100))
def test_not_one_bit_can_be_changed_and_garbage_is_refused(at: int, bit: int, data: bytes) -> None:
    wrong = bytearray(LINE)
    wrong[at % len(wrong)] ^= 1 << bit
    for text in (bytes(wrong), data, LINE + data + b"."):
        with pytest.raises(NodeReceiptError):
            node_receipt.read(text)
