"""A node that draws by script, and hubs that carry, drop, change or lose what is sent to it."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from tests.unit.network.card_tools import FIRST, MODEL, NODE, NODE_ID, NOW

from triptych.http.message import HttpRequest, HttpResponse
from triptych.http.transport import EncodedBody
from triptych.network import job, node_receipt
from triptych.network.job import Accepted, Cancel, Done, Picture, Poll, Problem, Refused, Reply, Submit, Working
from triptych.network.meeting import Meeting
from triptych.network.node_receipt import ReceiptBody
from triptych.network.ohttp import seal
from triptych.network.ohttp.keys import NodeKey
from triptych.spec.errors import AmbiguousError, HostileContentError, NotSentError
from triptych.tlog.note import Signer


@dataclass
class Hand:
    """A clock that waiting moves on."""

    ms: int = NOW

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.ms += max(1, int(seconds * 1000))


def png(width: int, height: int, shade: int = 90) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 120, 60)).save(out, "PNG")
    return out.getvalue()


def receipt_of(asked: Submit, pictures: tuple[bytes, ...], now_ms: int, signer: Signer = NODE, **changed: Any) -> str:
    """An honest receipt, but for what is changed."""
    told: dict[str, Any] = {
        "node": NODE_ID, "card_seq": 10**14, "req": asked.hash, "nonce": node_receipt.nonce_hash(asked.job.nonce),
        "inputs": tuple(one.sha256 for one in asked.job.images), "outputs": tuple(node_receipt.output(one) for one in pictures),
        "model": MODEL.id, "engine": MODEL.engine, "precision": MODEL.precision, "digest": MODEL.digest, "seed": asked.job.seed,
        "steps": asked.job.steps or 20, "policy": "ok", "received_ms": now_ms, "started_ms": now_ms, "ended_ms": now_ms,
    }  # fmt: skip
    return node_receipt.sign(ReceiptBody(**{**told, **changed}), signer)


def honest(asked: Submit, now_ms: int) -> Reply:
    width, height = (int(one) for one in (asked.job.size or "64x64").split("x"))
    return signed(asked, now_ms, (png(width, height, asked.job.seed % 200),))


def signed(asked: Submit, now_ms: int, pictures: tuple[bytes, ...], **changed: Any) -> Reply:
    images = tuple(job.described(one, "image/png") for one in pictures)
    return Reply(Done(receipt=receipt_of(asked, pictures, now_ms, **changed), images=images), pictures)


def claimed(asked: Submit, now_ms: int, data: bytes) -> Reply:
    """A receipt that says of bytes that they are a picture as large as it was asked for."""
    out = job.described(data, "image/png")
    width, height = (int(one) for one in (asked.job.size or "64x64").split("x"))
    stated = {"sha256": out.sha256, "bytes": out.bytes, "width": width, "height": height, "media_type": "image/png"}
    return Reply(Done(receipt=receipt_of(asked, (), now_ms, outputs=(stated,)), images=(out,)), (data,))


def refusing(asked: Submit, now_ms: int) -> Reply:
    return Reply(Refused(receipt=receipt_of(asked, (), now_ms, policy="refused", steps=asked.job.steps or 0)))


Draw = Callable[[Submit, int], Reply]


@dataclass
class ScriptedNode:
    """Takes each job once, says `working` times that it is at it, then what `draw` gives."""

    clock: Hand
    draw: Draw = honest
    working: int = 1
    key: NodeKey = FIRST
    jobs: dict[str, Submit] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    asked: list[job.Question] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    says: list[Problem] = field(default_factory=list)  # before anything else

    def answer(self, data: bytes) -> bytes:
        opened, reply = seal.open_request((self.key,), data)
        return reply.seal(job.encode_reply(self._said(job.decode_question(opened))))

    def _said(self, question: job.Question) -> Reply:
        self.asked.append(question)
        if self.says:
            return Reply(self.says.pop(0))
        if isinstance(question, Submit):
            name = self.names.setdefault(question.job.nonce, job.capability())
            self.jobs[name] = question
            return Reply(Accepted(job=name, queue=2))
        if isinstance(question, Cancel):
            return Reply(Problem(code="cancelled", title="stopped"))
        assert isinstance(question, Poll)
        if question.job not in self.jobs:
            return Reply(Problem(code="unknown_job", title="which job?"))
        if question.seen < self.working:
            preview = png(16, 16)
            news = Working(
                seen=question.seen + 1, step=question.seen + 1, steps=4, preview=job.described(preview, "image/png")
            )
            return Reply(news, (preview,))
        return self.draw(self.jobs[question.job], self.clock.now_ms())


@dataclass
class Hubs:
    """A transport to hubs by name. `ways` says what becomes of what is sent to one: `carry`, `down` (nothing arrives), `dies` (it
    arrives and nothing comes back), `hangs` (so does it, as long as it is waited for), `earlier` (what comes back is the answer to the
    question before), `garbage`, `empty`, `huge`; a list is taken one by one, its last for all that follow."""

    node: ScriptedNode
    ways: dict[str, list[str]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    earlier: bytes = b"x" * 400

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        return None

    async def send(self, request: HttpRequest, *, deadline: float, allow_private: bool = False, max_bytes: int = 0,
                   body: EncodedBody | None = None) -> HttpResponse:  # fmt: skip
        origin = request.url.partition("/hub/v1")[0]
        self.seen.append(origin)
        ways = self.ways.get(origin, ["carry"])
        way = ways.pop(0) if len(ways) > 1 else ways[0]
        if way == "down":
            raise NotSentError("Nothing listens there.")
        if way == "huge":
            raise HostileContentError("The answer is over 64 MB and was not read.")
        if way == "full":
            said = b'{"error": {"message": "slow down", "code": "rate_limited"}}'
            return HttpResponse(status=429, headers={"retry-after": "3"}, body=said)
        assert body is not None
        answered = self.node.answer(body.data)
        if way == "dies":
            raise AmbiguousError("The connection was cut.")
        if way == "hangs":
            self.node.clock.ms = max(self.node.clock.ms, int(deadline * 1000))
            raise AmbiguousError("Nothing came in time.")
        earlier, self.earlier = self.earlier, answered
        return HttpResponse(
            status=200, body={"garbage": b"x" * 400, "earlier": earlier, "empty": b""}.get(way, answered)
        )

    def stream(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    async def fetch_image(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def meeting(self, origin: str) -> Meeting:
        return Meeting(origin, self, self.node.clock)


def listed(data: bytes) -> Picture:
    return job.described(data, "image/png")
