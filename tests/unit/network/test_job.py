"""What is said inside the seal: exact both ways, strict in what is taken, and each job once."""

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.network.card_tools import FIRST, NOW

from triptych.network import job
from triptych.network.job import (
    Accepted,
    Cancel,
    Done,
    Job,
    JobError,
    News,
    Picture,
    Poll,
    Problem,
    Question,
    Refused,
    Reply,
    Submit,
    Working,
)
from triptych.network.ohttp import bhttp
from triptych.network.ohttp.bhttp import Request, Response
from triptych.network.ohttp.seal import open_request, seal_request
from triptych.network.replay import SKEW_MS, WINDOW_MS, Window

NONCE = "n" * 22
TOKEN = job.capability(lambda size: b"\7" * size)
PNG = b"\x89PNG not really"
PLAIN = Job(model="sdxl", prompt="a kettle", seed=7, nonce=NONCE, sent_ms=NOW)
EDIT = msgspec.structs.replace(
    PLAIN, images=(job.described(PNG, "image/png", "edit"), job.described(b"mask", "image/webp", "mask"))
)
QUESTIONS: list[Question] = [
    Submit.of(PLAIN),
    Submit.of(EDIT, [PNG, b"mask"]),
    Poll(job=TOKEN, seen=3, wait_ms=100),
    Cancel(job=TOKEN),
]
REPLIES = [
    Reply(Accepted(job=TOKEN, queue=2)), Reply(Working(seen=1, step=4, steps=30)),
    Reply(Working(seen=2, preview=job.described(PNG, "image/png")), (PNG,)),
    Reply(Done(receipt="a.b.c", images=(job.described(PNG, "image/png"), job.described(b"2", "image/jpeg"))), (PNG, b"2")),
    Reply(Refused(receipt="a.b.c")), Reply(job.clock_problem(NOW)), Reply(Problem(code="busy", title="Busy.", retry_ms=500)),
]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_read_as_it_was_asked(question: Question) -> None:
    assert job.decode_question(job.encode_question(question)) == question


@pytest.mark.parametrize("reply", REPLIES)
def test_an_answer_is_read_as_it_was_given(reply: Reply) -> None:
    assert job.decode_reply(job.encode_reply(reply)) == reply


def test_a_job_is_what_openai_takes_with_a_nonce() -> None:
    request = bhttp.decode_request(job.encode_question(Submit.of(PLAIN)))
    assert (request.method, request.path) == ("POST", "/v1/images/generations")
    assert json.loads(request.content) == {
        "model": "sdxl",
        "prompt": "a kettle",
        "seed": 7,
        "nonce": NONCE,
        "sent_ms": NOW,
    }
    assert Submit.of(PLAIN).hash == hashlib.sha256(request.content).hexdigest()


def test_pictures_travel_as_they_are() -> None:
    request = bhttp.decode_request(job.encode_question(QUESTIONS[1]))
    assert request.path == "/v1/images/edits"
    assert request.content.endswith(PNG + b"mask")


def test_sizes_tell_a_class_and_nothing_more() -> None:
    sizes = {len(seal_request((FIRST.config,), job.encode_question(one))[0]) for one in QUESTIONS}
    assert sizes == {2048}
    long = Submit.of(msgspec.structs.replace(PLAIN, prompt="k" * 5000))
    assert len(seal_request((FIRST.config,), job.encode_question(long))[0]) == 65_536
    reply = open_request((FIRST,), seal_request((FIRST.config,), b"")[0])[1]
    assert {len(reply.seal(job.encode_reply(one))) for one in REPLIES} == {65_536 - 16}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"size": "0x0"}, "size"), ({"n": 11}, "n"), ({"lora": "x"}, "lora"), ({"seed": -1}, "seed"), ({"nonce": "short"}, "nonce"),
        ({"prompt": "k" * 32_001}, "prompt"), ({"model": ""}, "model"), ({"images": [{"url": "http://x"}]}, "images"),
        ({"steps": 1.5}, "steps"), ({"guidance": -1}, "guidance"), ({"sent_ms": ...}, "sent_ms"), ({"stream": True}, "stream"),
    ],
)  # fmt: skip
def test_what_no_job_says_is_named(changed: dict[str, Any], named: str) -> None:
    body = {name: one for name, one in {**msgspec.to_builtins(PLAIN), **changed}.items() if one is not ...}
    with pytest.raises(JobError, match=named) as told:
        job.decode_question(request(json.dumps(body).encode()))
    assert told.value.reason == "malformed"


def request(content: bytes, path: str = job.GENERATIONS, kind: str = job.JSON_TYPE, method: str = "POST") -> bytes:
    return bhttp.encode(Request(method=method, path=path, fields=(("content-type", kind),), content=content))


BODY = msgspec.json.encode(PLAIN)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "malformed"), (b"\1\x40\xc8", "malformed"), (request(BODY, "/v1/models"), "unknown"),
        (request(BODY, method="PUT"), "unknown"), (request(BODY, job.EDITS), "malformed"),
        (request(BODY, kind="text/plain"), "malformed"), (request(b"\2{}", job.CANCEL, "text/plain"), "malformed"),
        (request(bytes([0x40 | len(BODY) >> 8, len(BODY) & 255]) + BODY, kind="text/plain"), "malformed"), (request(b"", kind=job.FRAMED_TYPE), "malformed"),
        (request(b"\x44\x00{}", kind=job.FRAMED_TYPE), "malformed"), (request(b"[" * 5000), "malformed"),
        (request(b"\2{}x", job.POLL, job.FRAMED_TYPE), "picture"), (request(b" " * (job.MAX_JSON + 1)), "too_large"),
        (request(b"\xff"), "malformed"), (request(b"{}", job.CANCEL), "malformed"),
        (request(bytes([0x40 | len(BODY) >> 8, len(BODY) & 255]) + BODY + b"more", kind=job.FRAMED_TYPE), "picture"),
    ],
)  # fmt: skip
def test_what_is_no_question(data: bytes, reason: str) -> None:
    with pytest.raises(JobError) as told:
        job.decode_question(data)
    assert told.value.reason == reason


def test_pictures_are_those_that_are_listed() -> None:
    for pictures in ([PNG], [PNG, b"task"], [b"mask", PNG], [PNG, b"mask", b"more"]):
        with pytest.raises(JobError) as told:
            Submit.of(EDIT, pictures)
        assert told.value.reason == "picture"
        with pytest.raises(JobError):
            job.decode_question(job.encode_question(Submit(EDIT, msgspec.json.encode(EDIT), tuple(pictures))))
    with pytest.raises(JobError):
        job.encode_reply(Reply(Accepted(job=TOKEN), (PNG,)))


def test_a_status_goes_with_what_is_said() -> None:
    content = msgspec.json.encode(Refused(receipt="a.b.c"))
    with pytest.raises(JobError, match="200"):
        job.decode_reply(bhttp.encode(Response(status=200, fields=(("content-type", job.JSON_TYPE),), content=content)))
    assert {job.status(Problem(code=one, title="")) for one in job.STATUS} == {400, 402, 404, 409, 410, 500, 503}


def test_a_job_that_is_too_large() -> None:
    big = bytes(33 << 20)
    with pytest.raises(JobError) as told:
        job.encode_question(Submit.of(msgspec.structs.replace(PLAIN, images=(job.described(big, "image/png"),)), [big]))
    assert told.value.reason == "too_large"
    with pytest.raises(JobError):
        job.encode_question(Submit(PLAIN, b" " * (job.MAX_JSON + 1)))


def test_a_capability_is_128_bits() -> None:
    assert len(TOKEN) == 22
    assert job.capability() != job.capability()


PICTURES = st.lists(st.binary(min_size=1, max_size=50), max_size=4)
NEWS: st.SearchStrategy[News] = st.one_of(
    st.builds(Accepted, job=st.just(TOKEN), queue=st.integers(0, 9)),
    st.builds(Working, seen=st.integers(0, 2**53 - 1), queue=st.integers(0, 9), step=st.integers(0, 99), steps=st.integers(0, 99)),
    st.builds(Refused, receipt=st.text(min_size=1, max_size=99)),
    st.builds(Problem, code=st.sampled_from(sorted(job.STATUS)), title=st.text(max_size=99), retry_ms=st.none() | st.integers(0, 9)),
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(
    prompt=st.text(max_size=99),
    seed=st.integers(0, 2**53 - 1),
    guidance=st.none() | st.floats(0, 100),
    pictures=PICTURES,
    news=NEWS,
)
def test_round_trips(prompt: str, seed: int, guidance: float | None, pictures: list[bytes], news: News) -> None:
    images = tuple(job.described(one, "image/png", "reference") for one in pictures)
    one = Submit.of(
        msgspec.structs.replace(PLAIN, prompt=prompt, seed=seed, guidance=guidance, images=images), pictures
    )
    assert job.decode_question(job.encode_question(one)) == one
    assert job.decode_reply(job.encode_reply(Reply(news))) == Reply(news)


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=200), path=st.sampled_from([job.GENERATIONS, job.EDITS, job.POLL, job.CANCEL]))
def test_any_bytes_are_refused(data: bytes, path: str) -> None:
    for text in (data, request(data, path), request(data, path, job.FRAMED_TYPE)):
        with pytest.raises(JobError):
            job.decode_question(text)
    response = Response(status=200, fields=(("content-type", job.FRAMED_TYPE),), content=data)
    for text in (data, bhttp.encode(response)):
        with pytest.raises(JobError):
            job.decode_reply(text)


class TestReplay:
    def test_a_job_is_taken_once(self) -> None:
        window = Window()
        assert window.admit(NONCE, "a", NOW, NOW) == "new"
        assert window.admit(NONCE, "a", NOW, NOW + 5) == "again"
        assert window.admit(NONCE, "b", NOW, NOW + 5) == "conflict"
        assert window.admit("other", "a", NOW, NOW + 5) == "new"

    @pytest.mark.parametrize(
        ("sent", "verdict"), [(-WINDOW_MS - 1, "clock"), (-WINDOW_MS, "new"), (SKEW_MS, "new"), (SKEW_MS + 1, "clock")]
    )
    def test_what_is_too_old_or_of_the_future(self, sent: int, verdict: str) -> None:
        assert Window().admit(NONCE, "a", NOW + sent, NOW) == verdict

    @settings(deadline=None)
    @given(sent=st.integers(-WINDOW_MS, SKEW_MS), later=st.lists(st.integers(0, 2 * WINDOW_MS), max_size=9))
    def test_nothing_is_ever_taken_twice(self, sent: int, later: list[int]) -> None:
        window = Window()
        assert window.admit(NONCE, "a", NOW + sent, NOW) == "new"
        for at in sorted(later):
            assert window.admit(NONCE, "a", NOW + sent, NOW + at) in {"again", "clock"}

    def test_memory_has_an_end_and_is_freed(self) -> None:
        window = Window(limit=2)
        assert [window.admit(str(one), "a", NOW, NOW) for one in range(3)] == ["new", "new", "full"]
        assert len(window) == 2
        assert window.admit("3", "a", NOW + WINDOW_MS + 1, NOW + WINDOW_MS + 1) == "new"
        assert len(window) == 1


def test_a_picture_is_described_by_its_bytes() -> None:
    assert job.described(b"", "image/png").bytes == 0  # and no message takes it:
    with pytest.raises(JobError):
        Submit.of(
            msgspec.structs.replace(PLAIN, images=(Picture(bytes=0, sha256="0" * 64, media_type="image/png"),)), [b""]
        )
