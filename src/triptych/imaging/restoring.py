"""Files in, files out: an edit brought back into its source, see `triptych.imaging.restore`."""

from dataclasses import dataclass

from PIL import Image, ImageChops

from triptych.imaging.decode import encode, open_picture
from triptych.imaging.restore import restore
from triptych.spec.errors import HostileContentError


@dataclass(frozen=True, slots=True)
class RestoredBytes:
    """As `triptych.imaging.restore.Restoration`, its pictures as PNG."""

    image: bytes | None
    heat: bytes | None
    shift: tuple[float, float]
    scale: float
    changed_permille: int | None


def restored_bytes(answer: bytes, source: bytes, mask: bytes) -> RestoredBytes:
    """Transparent pixels of the mask are the ones to change. Raises HostileContentError for what is no picture, and for a
    mask of another size than the source."""
    opened = [open_picture(one) for one in (source, mask, answer)]
    if opened[1].size != opened[0].size:
        raise HostileContentError("The mask is not as large as the picture that it is for.")
    opaque = opened[1].getchannel("A") if opened[1].mode == "RGBA" else Image.new("L", opened[1].size, 255)
    done = restore(opened[0], ImageChops.invert(opaque), opened[2])
    return RestoredBytes(
        image=None if done.image is None else encode(done.image, "image/png", quick=True),
        heat=None if done.heat is None else encode(done.heat, "image/png"),
        shift=done.shift, scale=done.scale, changed_permille=done.changed_permille,
    )  # fmt: skip
