"""Three pictures that an engine draws before its node shows itself: an engine that does not work is found out at home."""

import secrets

from triptych.network import node_receipt
from triptych.network.job import Job, Submit, capability
from triptych.network.node_receipt import NodeReceiptError
from triptych.node.backends.base import Backend, Glimpse
from triptych.spec.clock import Clock
from triptych.spec.errors import NotConfiguredError

SIZE = "512x512"
_ASKED = ("a lighthouse on a cliff", "a bowl of lemons on a table", "a street in the rain")


async def try_out(backend: Backend, model: str, clock: Clock, *, size: str = SIZE) -> int:
    """Draws the three with one model; how long one took, in milliseconds, half of them at most. Raises NotConfiguredError where
    a picture is not what was asked for, TriptychError where none comes."""
    took: list[int] = []
    seen: set[str] = set()
    for prompt in _ASKED:
        asked = Submit.of(Job(model=model, prompt=prompt, seed=secrets.randbelow(1 << 31), nonce=capability(), sent_ms=clock.now_ms(), size=size))  # fmt: skip
        backend.check(asked)
        began = clock.monotonic()
        drawn = await backend.draw(asked, _unheard)
        took.append(round((clock.monotonic() - began) * 1000))
        try:
            outputs = [node_receipt.output(one) for one in drawn.pictures]
        except NodeReceiptError as error:
            raise _failed(backend, str(error)) from None
        if [f"{one.width}x{one.height}" for one in outputs] != [size]:
            raise _failed(backend, f"one picture of {size} was asked for, and it drew something else.")
        seen.add(outputs[0].sha256)
    if len(seen) < len(_ASKED):
        raise _failed(backend, "it drew the same picture for different words.")
    return sorted(took)[len(took) // 2]


async def _unheard(_glimpse: Glimpse) -> None:
    """Nobody watches."""


def _failed(backend: Backend, why: str) -> NotConfiguredError:
    return NotConfiguredError(
        f"A trial of {backend.name} failed: {why}", hint="Mend the engine, then start the node again."
    )
