"""Addresses where one picture of one job may be put, as long as its worker has time for it: signed, and good for nothing else."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from triptych.imaging.header import PictureInfo, header
from triptych.node.horde.wire import Asked, HordeError
from triptych.spec.clock import Clock
from triptych.spec.errors import HostileContentError

MOST_BYTES = 32 << 20
TAKEN = frozenset({"image/webp", "image/png"})
PATH = "/upload/"


class Uploads:
    """Signs addresses with a secret of this process, and checks them."""

    def __init__(self, clock: Clock, secret: bytes | None = None) -> None:
        self._clock, self._secret = clock, secret or secrets.token_bytes(32)

    def url(self, base: str, job: str, seconds: float) -> str:
        """Where the picture of a job may be put for that long, by PUT; `base` is `http://host:port`."""
        until = self._clock.now_ms() // 1000 + max(1, round(seconds))
        return f"{base}{PATH}{job}.webp?until={until}&most={MOST_BYTES}&signature={self._signature(job, str(until), str(MOST_BYTES))}"

    def check(self, job: str, asked: Mapping[str, str]) -> int:
        """How many bytes may come. Raises HordeError (403) for an address that was not given out here, or that has ended."""
        until, most = asked.get("until", ""), asked.get("most", "")
        good = hmac.compare_digest(self._signature(job, until, most).encode(), asked.get("signature", "").encode())
        if not good:
            raise HordeError(403, "WrongCredentials", "This address was not given out here.")
        if int(until) * 1000 <= self._clock.now_ms():
            raise HordeError(403, "RequestExpired", "The time for this upload is over.")
        return int(most)

    def _signature(self, job: str, until: str, most: str) -> str:
        text = f"{job}\n{until}\n{most}".encode("utf-8", "replace")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


def checked(data: bytes, asked: Asked) -> PictureInfo:
    """What a worker sent for a job, by its header: one still picture as PNG or WebP, of the size that was asked for. Raises HordeError
    (400)."""
    try:
        info = header(data)
    except HostileContentError as error:
        raise _refused(error.message) from None
    if info.media_type not in TAKEN:
        raise _refused(f"Pictures are taken as WebP and PNG, not as {info.media_type}.")
    if info.frames != 1 or (info.width, info.height) != (asked.width, asked.height):
        raise _refused(f"One picture of {asked.width}x{asked.height} was asked for, and this is {info.frames} of {info.width}x{info.height}.")  # fmt: skip
    return info


def _refused(why: str) -> HordeError:
    return HordeError(400, "ImageValidationFailed", why)
