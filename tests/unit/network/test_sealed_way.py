"""A job from the card to the checked picture, with a hub between that keeps every byte and learns nothing from it."""

import io
import os

import msgspec
import pytest
from PIL import Image
from tests.unit.network.card_tools import FIRST, MODEL, NODE, NODE_ID, NOW, made

from triptych.network import card, job, node_receipt
from triptych.network.job import Accepted, Done, Job, Poll, Reply, Submit
from triptych.network.node_receipt import NodeReceiptError, ReceiptBody
from triptych.network.ohttp import seal
from triptych.network.ohttp.errors import SealError
from triptych.network.replay import Window

PROMPT = "a copper kettle that nobody but the painter hears of"
NODE_CARD = made()


def noise(width: int, height: int) -> bytes:
    """A picture that does not pack."""
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(3 * width * height)).save(out, "PNG")
    return out.getvalue()


class Hub:
    """Carries and keeps everything."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def carry(self, data: bytes) -> bytes:
        self.seen.append(data)
        return data


class Node:
    """Opens, takes each job once, draws and signs."""

    def __init__(self, pictures: tuple[bytes, ...]) -> None:
        self.window, self.pictures, self.drawn, self.jobs = Window(), pictures, 0, dict[str, Submit]()
        self.names: dict[str, str] = {}

    def answer(self, data: bytes, now_ms: int) -> bytes:
        opened, reply = seal.open_request((FIRST,), data)
        return reply.seal(job.encode_reply(self.said(job.decode_question(opened), now_ms)))

    def said(self, asked: job.Question, now_ms: int) -> Reply:
        if isinstance(asked, Submit):
            verdict = self.window.admit(asked.job.nonce, asked.hash, asked.job.sent_ms, now_ms)
            if verdict == "clock":
                return Reply(job.clock_problem(now_ms))
            if verdict == "new":
                name = self.names[asked.job.nonce] = job.capability()
                self.jobs[name], self.drawn = asked, self.drawn + 1
            return Reply(Accepted(job=self.names[asked.job.nonce]))
        assert isinstance(asked, Poll)
        images = tuple(job.described(one, "image/png") for one in self.pictures)
        return Reply(Done(receipt=self.receipt(self.jobs[asked.job]), images=images), self.pictures)

    def receipt(self, asked: Submit) -> str:
        body = ReceiptBody(
            node=NODE_ID, card_seq=1, req=asked.hash, nonce=node_receipt.nonce_hash(asked.job.nonce),
            inputs=tuple(one.sha256 for one in asked.job.images), outputs=tuple(map(node_receipt.output, self.pictures)),
            model=MODEL.id, digest=MODEL.digest, engine=MODEL.engine, precision=MODEL.precision, seed=asked.job.seed, steps=20,
            policy="ok", received_ms=NOW + 1, started_ms=NOW + 2, ended_ms=NOW + 3,
        )  # fmt: skip
        return node_receipt.sign(body, NODE)


def ask(hub: Hub, node: Node, question: job.Question, now_ms: int = NOW) -> Reply:
    card.check(NODE_CARD, now_ms)
    sealed, answer = seal.seal_request(NODE_CARD.keys, job.encode_question(question))
    return job.decode_reply(answer.open(hub.carry(node.answer(hub.carry(sealed), now_ms))))


GIVEN, DRAWN = noise(40, 40), noise(64, 48)
SENT = Job(
    model=MODEL.id, prompt=PROMPT, seed=7, nonce=job.capability(), sent_ms=NOW, size="64x48",
    images=(job.described(GIVEN, "image/png", "edit"),),
)  # fmt: skip
ASKED = Submit.of(SENT, [GIVEN])


def test_a_job_goes_its_way_and_the_hub_learns_its_size() -> None:
    hub, node = Hub(), Node((DRAWN,))
    taken = ask(hub, node, ASKED).news
    assert isinstance(taken, Accepted)
    done = ask(hub, node, Poll(job=taken.job))
    assert isinstance(done.news, Done)
    receipt = node_receipt.read(done.news.receipt.encode())
    assert node_receipt.check(receipt, ASKED, NODE_CARD, done.pictures, NOW + 5) == "ok"
    assert done.pictures == (DRAWN,)

    everything = b"".join(hub.seen)
    secrets = [PROMPT, "kettle", MODEL.id, SENT.nonce, taken.job, "/v1/images", "content-type", done.news.receipt[:40]]
    assert not [one for one in secrets if one.encode() in everything]
    for picture in (GIVEN, DRAWN):
        assert not any(picture[at : at + 8] in everything for at in range(0, len(picture) - 8, 101))
    assert [len(one) for one in hub.seen] == [65_536, 65_520, 2_048, 65_520]


def test_the_same_job_over_two_hubs_is_drawn_once() -> None:
    first, second, node = Hub(), Hub(), Node((DRAWN,))
    assert ask(first, node, ASKED) == ask(second, node, ASKED)
    assert node.drawn == 1
    assert not set(first.seen) & set(second.seen)


def test_a_hub_that_sends_a_job_again_gets_nothing_new() -> None:
    hub, node = Hub(), Node((DRAWN,))
    ask(hub, node, ASKED)
    node.answer(hub.seen[0], NOW + 60_000)
    assert node.drawn == 1
    node.answer(hub.seen[0], NOW + 16 * 60_000)
    assert node.drawn == 1


def test_a_studio_with_a_wrong_clock_is_told_the_time() -> None:
    late = Submit.of(msgspec.structs.replace(SENT, sent_ms=NOW - 16 * 60_000), [GIVEN])
    assert ask(Hub(), Node((DRAWN,)), late).news == job.clock_problem(NOW)


def test_a_hub_that_puts_in_an_answer_of_its_own_is_noticed() -> None:
    hub, node = Hub(), Node((DRAWN,))
    sealed, answer = seal.seal_request(NODE_CARD.keys, job.encode_question(ASKED))
    other, _ = seal.seal_request(NODE_CARD.keys, job.encode_question(ASKED))
    for wrong in (node.answer(hub.carry(other), NOW), bytes(65_536), sealed):
        with pytest.raises(SealError):
            answer.open(wrong)


def test_a_node_that_hands_out_another_picture_is_noticed() -> None:
    hub, node = Hub(), Node((DRAWN,))
    taken = ask(hub, node, ASKED).news
    assert isinstance(taken, Accepted)
    receipt = node_receipt.read(node.receipt(ASKED).encode())
    for pictures in ((noise(64, 48),), (DRAWN, DRAWN), ()):
        with pytest.raises(NodeReceiptError):
            node_receipt.check(receipt, ASKED, NODE_CARD, pictures, NOW + 5)
