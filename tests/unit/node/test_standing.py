"""One line, and why nothing comes."""

from pathlib import Path

from tests.unit.network.card_tools import NODE, NODE_ID, NOW
from tests.unit.network.remote_tools import Hand
from tests.unit.node.job_tools import SHOWN, Easel, wanted

from triptych.node.admission import Guests, Hours, Limits, utc_minute
from triptych.node.fees import Fees, Held
from triptych.node.jobs import House, Jobs
from triptych.node.standing import standing
from triptych.node.worker import HubState

URL = "https://hub.example"


class NoDesk:
    """Where nobody pays."""

    async def take(self, payment: str, micro_usd: int) -> Held:
        raise NotImplementedError


def jobs(path: Path) -> Jobs:
    house = House(signer=NODE, node=NODE_ID, number=lambda: 1, clock=Hand(), guests=Guests(path))
    return Jobs(house, {SHOWN.id: (SHOWN, Easel())})


async def test_it_says_what_it_does_and_while_idle_why(tmp_path: Path) -> None:
    one, hub = jobs(tmp_path), HubState(URL)
    assert str(standing(one, [hub], Limits(), NOW)) == "joining · 0 served · 0 refused · 0 in the queue"
    hub.state = "away"
    assert standing(one, [hub], Limits(), NOW).state == "not connected"
    hub.state = "open"
    hub.why = {"listed": True, "probation": True, "jobs": 0, "same_models": 3}
    idle = standing(one, [hub], Limits(), NOW)
    assert idle.state == "waiting"
    assert idle.why == (
        f"{URL} lists it as new: studios send less to new nodes.",
        f"{URL} lists 3 more with the same models.",
    )
    away = HubState("https://two.example", "away", "Nothing listens there.")
    half = standing(one, [hub, away], Limits(), NOW)
    assert (half.state, half.why[0]) == ("waiting at 1 of 2 hubs", "https://two.example: Nothing listens there.")
    await one.answer(wanted(model="flux"))
    await one.answer(wanted(steps=500))
    assert standing(one, [hub], Limits(), NOW).why[-1] == "Turned away: 1 asked for something that is not done here, 1 asked for a model that is not here."  # fmt: skip
    minute = utc_minute(NOW)
    closed = Limits(strangers=0, hours=Hours((minute + 1) % 1440, (minute + 2) % 1440, utc_minute))
    assert "for others from" in standing(one, [hub], closed, NOW).why[0]
    assert "invite" in standing(one, [hub], closed, NOW).why[1]
    await one.answer(wanted())
    busy = standing(one, [hub], closed, NOW)
    assert (busy.state, busy.queue, busy.why) == ("drawing", 1, ())
    one.paused = True
    assert standing(one, [hub], closed, NOW).state == "paused"
    one.draining = True
    assert standing(one, [hub], closed, NOW).state == "finishing"


async def test_what_is_asked_for_a_picture_stands_in_the_line_and_while_idle_beside_it(tmp_path: Path) -> None:
    one, hub, fees = jobs(tmp_path), HubState(URL, "open"), Fees(NoDesk(), 40_000)
    free = standing(one, [hub], Limits(), NOW, (), Fees())
    assert (str(free).endswith("in the queue"), free.why) == (True, ())
    fees.taken_micro_usd = 120_000
    asks = standing(one, [hub], Limits(), NOW, (), fees)
    assert str(asks) == "waiting · 0 served · 0 refused · 0 in the queue · $0.04 a picture, $0.12 paid"
    assert asks.why == (
        "It asks $0.04 for a picture: only studios that allow payments ask it, and nobody draws its pictures again to check them.",
    )


def test_what_a_hub_says_in_another_shape_is_not_told(tmp_path: Path) -> None:
    odd = HubState(URL, "open", why={"listed": "\x1b[2J", "probation": 1, "same_models": True})
    assert standing(jobs(tmp_path), [odd], Limits(), NOW).why == ()
    gone = HubState(URL, "open", why={"listed": False})
    assert standing(jobs(tmp_path), [gone], Limits(), NOW).why == (f"{URL} does not list this node now.",)
