"""What a worker may not do, and what becomes of a job whose worker does it: every call over HTTP, time by hand."""

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators.pictures import SVG, pixel_bomb
from tests.unit.studio_doubles import ManualClock, picture

from triptych.app.horde import HordeHouse
from triptych.node.horde import uploads
from triptych.node.horde.desk import HERE_S, TRIES, Desk, Given, Step, time_for
from triptych.node.horde.uploads import Uploads, checked
from triptych.node.horde.wire import Asked, HordeError, Pop, Submit
from triptych.server.horde_api import at_home, horde_app
from triptych.server.workers_door import read_address
from triptych.spec.errors import BlockedError, NotFoundError, NotSentError, ProviderFailedError, SettingsError

MODEL = "Deliberate"
WEBP = picture(512, 512, "WEBP")


class Kept(dict[str, Any]):
    """Settings, and a list of models that has no provider."""

    async def get_setting(self, name: str) -> Any:
        return self.get(name)

    async def put_setting(self, name: str, value: Any) -> None:
        self[name] = value

    def provider(self, name: str) -> Any:
        raise NotFoundError(name)


@dataclass
class World:
    """Workers by name, each with a key of its own, in front of one studio."""

    clock: ManualClock = field(default_factory=ManualClock)
    kept: Kept = field(default_factory=Kept)
    steps: list[Step] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept: Any = self.kept
        self.house = HordeHouse(kept, kept, self.clock, ())
        self.web = self.client()

    def client(self, caller: str = "192.168.1.9") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(horde_app(self.house), client=(caller, 4000), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://192.168.1.5:8760")

    async def post(self, who: str, path: str, body: Any) -> httpx.Response:
        if who not in self.keys:
            self.keys[who] = await self.house.new_key(who)
        return await self.web.post(f"/api/v2/{path}", json=body, headers={"apikey": self.keys[who]})

    async def pop(self, who: str, **changed: Any) -> dict[str, Any]:
        answer = await self.post(
            who, "generate/pop", {"name": who, "models": [MODEL], "max_pixels": 1 << 20, **changed}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def submit(self, who: str, job: str, **changed: Any) -> httpx.Response:
        return await self.post(
            who, "generate/submit", {"id": job, "generation": "R2", "state": "ok", "seed": 7, **changed}
        )

    async def put(self, url: str, data: bytes = WEBP) -> httpx.Response:
        return await self.web.put(url, content=data)

    async def heard(self, step: Step) -> None:
        self.steps.append(step)

    async def ask(self, seconds: float = 300, **changed: Any) -> "asyncio.Task[Any]":
        asked = Asked(
            **{"model": MODEL, "prompt": "a heron", "negative": None, "seed": 7, "width": 512, "height": 512, **changed}
        )
        task = asyncio.create_task(self.house.desk.draw(asked, self.clock.monotonic() + seconds, self.heard))
        await self.turn()
        return task

    async def turn(self, seconds: float = 0) -> None:
        """Time passes, and everybody gets a turn."""
        self.clock.advance(seconds)
        for _ in range(8):
            await asyncio.sleep(0)


@pytest.fixture
async def world() -> World:
    made = World()
    await made.pop("attic")
    return made


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["rc"]


async def test_a_worker_that_dies_loses_its_job_to_the_next(world: World) -> None:
    await world.pop("cellar")
    task = await world.ask()
    first = await world.pop("attic")
    assert first["ttl"] == round(time_for(world.house.desk.wanted(first["id"]), 300))
    await world.turn(first["ttl"] - 10)
    assert (await world.pop("cellar"))["id"] is None, "one hand at a time"
    await world.turn(10)
    assert not task.done()
    assert (await world.pop("attic"))["skipped"] == {"worker_id": 1}, "who lost it does not get it again"
    second = await world.pop("cellar")
    assert second["id"] not in {None, first["id"]}
    assert said(await world.submit("attic", first["id"])) == (400, "AbortedGen")
    assert (await world.put(first["r2_upload"])).status_code in {400, 403}
    assert (await world.put(second["r2_upload"])).status_code == 200
    assert (await world.submit("cellar", second["id"])).json()["reward"] > 0
    made = await task
    assert (made.worker, made.picture) == ("cellar", WEBP)
    assert [step.worker for step in world.steps] == [None, "attic", None, "cellar"]


async def test_with_nobody_left_it_ends_in_words_within_its_time(world: World) -> None:
    task = await world.ask()
    job = await world.pop("attic")
    await world.turn(job["ttl"])
    with pytest.raises(ProviderFailedError, match="attic had it in hand and did not bring it in time"):
        await task
    assert not world.house.desk._jobs


async def test_no_worker_is_given_a_job_more_than_it_may_be_tried(world: World) -> None:
    names = ["attic", "b", "c", "d"]
    for name in names:
        await world.pop(name)
    task = await world.ask()
    for name in names[:TRIES]:
        job = await world.pop(name)
        await world.submit(name, job["id"], state="faulted", generation="faulted")
        await world.turn()
    with pytest.raises(ProviderFailedError, match="attic, b, c could not draw it"):
        await task


async def test_what_nobody_can_draw_is_said_at_once(world: World) -> None:
    for changed, words in (
        ({"model": "SDXL 1.0"}, "No worker with SDXL 1.0"),
        ({"width": 1088, "height": 1024}, "larger"),
        ({"source": WEBP, "mask": WEBP}, "takes masks"),
    ):
        task = await world.ask(**changed)
        with pytest.raises(NotSentError, match=words):
            await task
    await world.turn(HERE_S + 1)
    task = await world.ask()
    with pytest.raises(NotSentError, match="connected now"):
        await task


async def test_a_job_that_waits_hears_that_its_last_worker_is_gone(world: World) -> None:
    task = await world.ask(seconds=600)
    for _ in range(40):
        await world.turn(2)
    with pytest.raises(NotSentError, match="connected now"):
        await task


async def test_only_who_has_a_key_comes_in(world: World) -> None:
    for key in ("", "0000000000", "A" * 22):
        answer = await world.web.post("/api/v2/generate/pop", json={"name": "x", "models": []}, headers={"apikey": key})
        assert said(answer) == (401, "InvalidAPIKey")
    await world.house.take_back("attic")
    assert said(await world.post("attic", "generate/pop", {"name": "attic", "models": [MODEL]})) == (
        401,
        "InvalidAPIKey",
    )
    assert not world.house.desk.workers()
    assert world.keys["attic"] not in str(world.kept), "keys are kept as hashes"


async def test_a_job_is_submitted_once_and_by_whom_it_was_given(world: World) -> None:
    task = await world.ask()
    job = await world.pop("attic")
    assert said(await world.submit("thief", job["id"])) == (403, "WrongCredentials")
    assert said(await world.submit("attic", job["id"])) == (400, "ImageValidationFailed"), "nothing was uploaded"
    await world.put(job["r2_upload"])
    assert (await world.submit("attic", job["id"])).status_code == 200
    assert said(await world.submit("attic", job["id"])) == (400, "DuplicateGen")
    assert (await world.put(job["r2_upload"])).status_code == 400
    assert (await task).picture == WEBP
    assert said(await world.submit("attic", job["id"])) == (400, "DuplicateGen")
    assert said(await world.submit("attic", "f" * 36)) == (404, "InvalidJobID")
    (worker,) = world.house.desk.workers()
    assert said(await world.post("thief", "generate/pop", {"name": ""})) == (400, "BadRequest")
    change = await world.web.put(
        f"/api/v2/workers/{worker.id}", json={"maintenance": True}, headers={"apikey": world.keys["thief"]}
    )
    assert said(change) == (403, "WrongCredentials")


async def test_whoever_stops_waiting_takes_the_job_away(world: World) -> None:
    task = await world.ask()
    job = await world.pop("attic")
    task.cancel()
    await world.turn()
    assert said(await world.put(job["r2_upload"])) == (400, "AbortedGen")
    assert said(await world.submit("attic", job["id"])) == (400, "AbortedGen")


async def test_what_is_no_picture_of_this_job_is_not_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.ask()
    job = await world.pop("attic")
    for data, words in (
        (SVG, "SVG"), (pixel_bomb(), "claims"), (b"", "0 bytes"), (picture(512, 512, "JPEG"), "image/jpeg"),
        (picture(256, 512), "256x512"), (WEBP[:40], "damaged"), (b"<html>" + WEBP, "HTML"),
    ):  # fmt: skip
        answer = await world.put(job["r2_upload"], data)
        assert said(answer) == (400, "ImageValidationFailed")
        assert words in answer.json()["message"]
        inline = await world.submit("attic", job["id"], generation=base64.b64encode(data).decode() or "=")
        assert said(inline) == (400, "ImageValidationFailed")
    monkeypatch.setattr(uploads, "MOST_BYTES", len(WEBP) - 1)
    small = world.house.uploads.url("http://192.168.1.5:8760", job["id"], 60)
    assert said(await world.put(small)) == (413, "ImageValidationFailed")
    (waiting,) = world.house.desk._jobs
    assert waiting.hand is not None
    assert waiting.hand.picture is None


async def test_an_address_to_upload_ends_and_is_good_for_one_job(world: World) -> None:
    await world.ask()
    await world.ask()
    job, other = await world.pop("attic"), await world.pop("attic")
    for url in (
        job["r2_upload"].replace(job["id"], other["id"]), job["r2_upload"].replace("most=", "most=9"),
        job["r2_upload"].replace("until=", "until=9"), job["r2_upload"].rpartition("&")[0], job["r2_upload"][:-1] + "é",
    ):  # fmt: skip
        assert said(await world.put(url)) == (403, "WrongCredentials")
    soon = world.house.uploads.url("http://192.168.1.5:8760", job["id"], 5)
    world.clock.seconds += 6
    assert said(await world.put(soon)) == (403, "RequestExpired")


async def test_a_censored_picture_is_a_refusal_and_no_picture(world: World) -> None:
    for changed in (
        {"state": "censored"}, {"censored": True}, {"state": "csam"},
        {"gen_metadata": [{"type": "censorship", "value": "nsfw", "ref": None}]},
    ):  # fmt: skip
        task = await world.ask()
        job = await world.pop("attic")
        await world.put(job["r2_upload"])
        assert (await world.submit("attic", job["id"], **changed)).status_code == 200
        with pytest.raises(BlockedError, match="censored"):
            await task


async def test_strangers_and_pages_of_a_browser_are_turned_away(world: World) -> None:
    body = {"name": "attic", "models": [MODEL]}
    for caller in ("203.0.114.7", "2a00:1450::1", "8.8.8.8"):
        answer = await world.client(caller).post(
            "/api/v2/generate/pop", json=body, headers={"apikey": world.keys["attic"]}
        )
        assert said(answer) == (403, "UnsafeIP")
    page = await world.web.post(
        "/api/v2/generate/pop", json=body, headers={"apikey": world.keys["attic"], "origin": "https://evil.example"}
    )
    assert said(page) == (403, "UnsafeIP")
    assert (await world.web.get("/api/runs")).status_code == 404


@pytest.mark.parametrize(
    "address", ["0.0.0.0:8760", "8.8.8.8", "[::]:8760", "hub.example:8760", "192.168.1.5:x", "192.168.1.5:99999", ""]
)
def test_workers_are_heard_at_no_public_address(address: str) -> None:
    with pytest.raises(SettingsError, match="workers is"):
        read_address(address)


@pytest.mark.parametrize(("address", "found"), [
    ("192.168.1.5", ("192.168.1.5", 8760)), ("localhost:1", ("127.0.0.1", 1)), ("[fd00::5]:99", ("fd00::5", 99)), ("100.64.0.9:80", ("100.64.0.9", 80)),
])  # fmt: skip
def test_they_are_heard_at_home(address: str, found: tuple[str, int]) -> None:
    assert read_address(address) == found
    assert at_home(found[0])


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"RIFF\x10\0\0\0WEBPVP8 ", b"\x89PNG\r\n\x1a\n", WEBP[:30], WEBP])
)
def test_any_bytes_are_a_picture_of_the_job_or_are_refused(data: bytes, begin: bytes) -> None:
    asked = Asked(model=MODEL, prompt="", negative=None, seed=0, width=512, height=512)
    try:
        info = checked(begin + data, asked)
    except HordeError as error:
        assert error.rc == "ImageValidationFailed"
    else:
        assert (info.width, info.height) == (512, 512)


@given(
    st.text(max_size=60),
    st.fixed_dictionaries({}, optional={
        name: st.text(max_size=20) | st.integers().map(str) for name in ("until", "most", "signature")
    }),
)  # fmt: skip
def test_no_made_up_address_is_signed(job: str, asked: dict[str, str]) -> None:
    with pytest.raises(HordeError):
        Uploads(ManualClock()).check(job, asked)


@given(st.lists(st.sampled_from("pgbfsx"), max_size=60))
async def test_a_job_is_in_one_hand_at_most_whatever_workers_do(moves: list[str]) -> None:
    """Pop, give up, bring, fault, submit, wait: each job ends once, and nothing of it stays."""
    clock = ManualClock()
    desk, hands = Desk(clock), list[tuple[str, str]]()
    for name in "ab":
        desk.pop(name, Pop(name=name, models=[MODEL], max_pixels=1 << 20))
    asked = Asked(model=MODEL, prompt="x", negative=None, seed=1, width=512, height=512)
    world = World(clock)
    tasks = list[asyncio.Task[Any]]()
    for at, move in enumerate(moves):
        owner = "ab"[at % 2]
        if move == "p" and len(tasks) < 6:
            tasks.append(asyncio.create_task(desk.draw(asked, clock.monotonic() + 400, world.heard)))
        elif move == "g":
            given_ = desk.pop(owner, Pop(name=owner, models=[MODEL], max_pixels=1 << 20))
            hands += [(owner, given_.job)] if isinstance(given_, Given) else []
        elif move == "x":
            clock.advance(45)
        elif hands:
            await _act(desk, move, *hands[at % len(hands)])
        await asyncio.sleep(0)
        out = [job.hand.id for job in desk._jobs if job.hand is not None]
        assert len(out) == len(set(out))
    for _ in range(300):
        clock.advance(5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if all(task.done() for task in tasks):
            break
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(not isinstance(end, AssertionError | KeyError | ValueError) for end in ends)
    assert not desk._jobs
    assert not desk._hands


async def _act(desk: Desk, move: str, owner: str, job: str) -> None:
    try:
        if move == "b":
            desk.bring(job, WEBP)
        elif move == "f":
            desk.submit(owner, Submit(id=job, state="faulted"))
        elif move == "s":
            desk.submit(owner, Submit(id=job, state="ok", generation="R2"))
    except HordeError as error:
        assert error.rc in {"AbortedGen", "DuplicateGen", "ImageValidationFailed", "InvalidJobID"}
