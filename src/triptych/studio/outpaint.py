"""A picture made larger than it is: laid into a frame of another shape, what is new to be drawn by a model.

`Outpaint.frame` makes the two files that a run then starts from like any other masked edit: a model that takes masks gets
both, any other gets the picture whole, and its own pixels are put back afterwards (see `triptych.studio.outside`).
"""

from dataclasses import dataclass
from typing import Protocol

import msgspec

from triptych.imaging.header import header
from triptych.imaging.outpaint import Frame, frame_for
from triptych.spec.errors import BadRequestError
from triptych.spec.image import AspectRatio
from triptych.spec.json import JsonObject
from triptych.spec.records import Parent
from triptych.store.base import BlobStore
from triptych.studio.instructions import EXTEND
from triptych.studio.pictures import Pictures
from triptych.studio.planning import Asked, PictureRef
from triptych.studio.views import UploadView

FORMATS = {"1:1": "1:1", "4:5": "4:5", "9:16": "9:16", "16:9": "16:9", "21:9": "21:9", "A4": "210:297"}
"""Shapes by the names that people know them by; any other W:H is taken, too."""
LEAST_SHARE = 0.2
_MOST_RATIO = 16.0


class Workshop(Protocol):
    """What is needed of imaging."""

    async def extend(self, data: bytes, frame: Frame) -> tuple[bytes, bytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """A picture in its frame and the mask of what is new, both kept as uploads. `resized`: the picture's own pixels did not
    fit and were brought to the size that it has in the frame."""

    ratio: AspectRatio
    frame: Frame
    image: UploadView
    mask: UploadView
    resized: bool

    @property
    def json(self) -> JsonObject:
        return {"ratio": str(self.ratio), "frame": msgspec.to_builtins(self.frame), "new_permille": self.frame.new_permille,
                "image": self.image.json, "mask": self.mask.json, "resized": self.resized, "text": EXTEND}  # fmt: skip


class Outpaint:
    """Frames for kept pictures. Every method may raise StorageError."""

    def __init__(self, pictures: Pictures, blobs: BlobStore, workshop: Workshop) -> None:
        self._pictures = pictures
        self._blobs = blobs
        self._workshop = workshop

    async def frame(
        self, sha256: str, ratio: AspectRatio, *, x: float = 0.5, y: float = 0.5, share: float = 1.0
    ) -> Framed:
        """The picture in a frame of that shape; `x`, `y` and `share` as in `frame_for`.

        Raises NotFoundError for a picture that is not there, HostileContentError for one that cannot be opened, and
        BadRequestError for a shape that is too long and for a frame in which nothing would be new.
        """
        _check(ratio, x, y, share)
        data = await self._pictures.bytes_of(sha256)
        info = header(data)
        frame = frame_for((info.width, info.height), ratio.value, x=x, y=y, share=share)
        if frame.new_permille < 1:
            raise BadRequestError(f"The picture fills a frame of {ratio}: nothing would be new.", param="ratio",
                                  hint="Choose another shape, or let it take less of the frame.")  # fmt: skip
        image, mask = [await self._keep(one) for one in await self._workshop.extend(data, frame)]
        resized = (frame.wide, frame.high) != (info.width, info.height)
        return Framed(ratio=ratio, frame=frame, image=image, mask=mask, resized=resized)

    async def _keep(self, data: bytes) -> UploadView:
        info = header(data)
        return UploadView(
            sha256=await self._blobs.put(data), width=info.width, height=info.height, media_type=info.media_type,
            alpha=info.has_alpha,
        )  # fmt: skip


def asked_for(
    framed: Framed, *, models: tuple[str, ...], text: str = EXTEND, parent: Parent | None = None, n: int | None = None
) -> Asked:
    """The run that draws what is new, as `Studio.start` takes it: the text, with the shape as `--ar`."""
    return Asked(text=f"{text} --ar {framed.ratio}", models=models, n=n, mask=framed.mask.sha256, parent=parent,
                 images=(PictureRef(sha256=framed.image.sha256, role="edit"),))  # fmt: skip


def read_ratio(value: object) -> AspectRatio:
    """`16:9` or a name of `FORMATS`. Raises BadRequestError."""
    try:
        return AspectRatio.parse(FORMATS.get(value, value) if isinstance(value, str) else "")
    except ValueError:
        raise BadRequestError(f"ratio is {value!r}; it takes whole numbers like 16:9, or {', '.join(FORMATS)}.",
                              param="ratio") from None  # fmt: skip


def _check(ratio: AspectRatio, x: float, y: float, share: float) -> None:
    if not 1 / _MOST_RATIO <= ratio.value <= _MOST_RATIO:
        raise BadRequestError(f"A frame of {ratio} is too long; 16:1 is the longest.", param="ratio")
    for name, value, least in (("x", x, 0.0), ("y", y, 0.0), ("share", share, LEAST_SHARE)):
        if not least <= value <= 1:
            raise BadRequestError(f"{name} is {value:g}; it takes {least:g} to 1.", param=name)
