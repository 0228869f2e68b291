"""Masks as they are given: by what they are read, and whether they change anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from triptych.imaging.mask import MaskReading
from triptych.spec.errors import BadRequestError
from triptych.spec.image import InputImage
from triptych.studio.prompt import PromptNote


@dataclass(frozen=True, slots=True)
class GivenMask:
    """A mask that was given. `image` is it as it is sent: transparent where the picture is to change. `reading` is None
    for what is no PNG, and so no mask."""

    image: InputImage
    reading: MaskReading | None

    def notes(self) -> Iterator[PromptNote]:
        """What is to be said of it, although it can be used."""
        if self.reading is None or self.reading.nothing:
            return
        if self.reading.by == "brightness":
            yield PromptNote("info", "mask", "The mask has no transparency, so it is read by its brightness: what is white "
                             "in it is changed, what is black is kept.")  # fmt: skip
        if self.reading.everything:
            yield PromptNote("info", "mask", "The mask covers the whole picture: all of it may change.")


def mask_problem(images: Sequence[InputImage], mask: GivenMask | None) -> BadRequestError | None:
    """What makes a mask useless for these pictures, None when nothing does."""
    if mask is None:
        return None
    source = next((image for image in images if image.role == "edit"), None)
    if source is None:
        return BadRequestError(
            "A mask needs the picture that it belongs to.", hint="Add the picture to edit.", param="mask"
        )
    if mask.reading is None:
        return BadRequestError(
            f"The mask is {mask.image.media_type}; it must be a PNG.", param="mask",
            hint="What is transparent in it is changed; without transparency, what is white.",
        )  # fmt: skip
    if (mask.image.width, mask.image.height) != (source.width, source.height):
        return BadRequestError(
            f"The mask has {mask.image.width}x{mask.image.height} pixels and the picture {source.width}x{source.height}; "
            "they must be the same.", param="mask",
        )  # fmt: skip
    return changes_nothing(mask.reading)


def changes_nothing(reading: MaskReading) -> BadRequestError | None:
    """What is wrong with a mask that keeps the whole picture: an edit would be paid for, and thrown away."""
    if not reading.nothing:
        return None
    if reading.by == "brightness":
        return BadRequestError("The mask is black all over, so nothing of the picture would be changed.", param="mask",
                               hint="Paint white, or make transparent, what is to be changed.")  # fmt: skip
    return BadRequestError(
        "The mask is transparent nowhere, so nothing of the picture would be changed.", param="mask",
        hint="Make transparent what is to be changed; or save it without an alpha channel: then white is changed.",
    )  # fmt: skip
