"""An engine that does not work is found out before the node shows itself."""

import pytest
from tests.unit.node.job_tools import Easel, picture

from triptych.network.job import Submit
from triptych.node.backends.base import Drawn, Tell
from triptych.node.trial import try_out
from triptych.provider_kit.playback import PlayedClock
from triptych.spec.errors import NotConfiguredError, ProviderFailedError


async def test_three_pictures_say_how_long_one_takes() -> None:
    clock = PlayedClock()

    class Slow(Easel):
        async def draw(self, asked: Submit, tell: Tell) -> Drawn:
            await clock.sleep(len(asked.job.prompt) / 10)
            return Drawn(pictures=(picture(asked.job.size or "", len(asked.job.prompt)),))

    assert await try_out(Slow(), "sdxl", clock, size="64x64") == 2300


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ((picture(),), "the same picture"),
        ((), "something else"),
        ((picture("32x32"),), "something else"),
        ((b"<svg/>",), "not a picture"),
    ],
)
async def test_what_is_wrong_with_an_engine_is_said(given: tuple[bytes, ...], why: str) -> None:
    easel = Easel(gives=given)
    easel.free.set()
    with pytest.raises(NotConfiguredError, match=why):
        await try_out(easel, "sdxl", PlayedClock(), size="64x64")


async def test_an_engine_that_breaks_says_so_itself() -> None:
    easel = Easel(fails=ProviderFailedError("no memory"))
    easel.free.set()
    with pytest.raises(ProviderFailedError):
        await try_out(easel, "sdxl", PlayedClock(), size="64x64")
