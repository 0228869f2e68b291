"""Edits by models that take no mask: what they changed outside of it is put back, told, and can be had unrestored."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from triptych.imaging.feather import FEATHER_PX
from triptych.imaging.header import header
from triptych.imaging.restore import SHIFT_SHOWN_PX
from triptych.imaging.restoring import RestoredBytes
from triptych.spec.errors import ConflictError, HostileContentError
from triptych.spec.image import Adjustment, ImageRequest
from triptych.spec.json import JsonObject
from triptych.spec.records import PictureRecord, Received, Restored
from triptych.store.base import BlobStore
from triptych.studio.credentials import sha256_of


class Workshop(Protocol):
    """What is needed of imaging."""

    async def restore(self, answer: bytes, source: bytes, mask: bytes) -> RestoredBytes: ...


@dataclass(frozen=True, slots=True)
class Mended:
    """An answer as it is to be kept (a PNG when something was put back), what is to be said about it, and the map."""

    data: bytes
    restored: Restored
    heat: bytes | None


def is_emulated(notes: Iterable[Adjustment]) -> bool:
    """Whether the mask was not sent, so that its outside is to be put back."""
    return any(note.feature == "mask" and note.kind == "emulated" for note in notes)


async def mend(workshop: Workshop, request: ImageRequest, data: bytes) -> Mended | None:
    """The answer to a masked edit, restored; None when the request has no mask. An answer that cannot be restored stays as
    it is, and that is said; nothing is raised."""
    source = next((image for image in request.images if image.role == "edit"), next(iter(request.images), None))
    if request.mask is None or source is None:
        return None
    mask = request.mask.sha256
    try:
        made = await workshop.restore(data, source.data, request.mask.data)
    except HostileContentError as error:
        return Mended(data, Restored(state="failed", reason=error.message, source=source.sha256, mask=mask), None)
    told = Restored(
        state="reframed" if made.image is None else "restored", shift_px=(round(made.shift[0]), round(made.shift[1])),
        scale_permille=round(1000 * made.scale), changed_permille=made.changed_permille,
        heat_sha256=await sha256_of(made.heat) if made.heat else None, feather_px=FEATHER_PX,
        source=source.sha256, mask=mask,
    )  # fmt: skip
    return Mended(made.image or data, told, made.heat)


def mask_note(pictures: Iterable[PictureRecord], *, sent: bool = False) -> Adjustment | None:
    """What a tile says about its mask, `sent` to the model or not; None when nothing was put back or was to be."""
    said = dict.fromkeys(words(picture.restored) for picture in pictures if picture.restored is not None)
    if not said:
        return None
    told = "; ".join(said)
    return Adjustment("mask", *(("adjusted", f"sent: {told}") if sent else ("emulated", f"takes no mask: {told}")))


def words(restored: Restored) -> str:
    """What became of the outside of the mask, in a sentence's worth."""
    if restored.state == "failed":
        return f"this picture could not be restored outside your mask: {restored.reason}"
    if restored.state == "reframed":
        return f"this model {_reframed(restored)}, so nothing outside your mask was restored"
    changed = restored.changed_permille
    share = "nothing" if not changed else "less than 1 %" if changed < 10 else f"{(changed + 5) // 10} %"
    moved = max(map(abs, restored.shift_px)) > SHIFT_SHOWN_PX
    off = f"; it lay {_way(restored.shift_px)} off its place and was moved back" if moved else ""
    jpeg = restored.file is not None and restored.file.media_type == "image/jpeg"
    lossy = "; as a JPEG it differs from the source a little" if jpeg else ""
    return f"this model changed {share} outside your mask before it was restored{off}{lossy}"


def restored_json(picture: PictureRecord) -> JsonObject | None:
    """What the page is told of it; `choice` says whether there is another file to choose."""
    restored = picture.restored
    if restored is None:
        return None
    said = words(restored)
    return {
        "state": restored.state, "words": said[0].upper() + said[1:], "changed_permille": restored.changed_permille,
        "shift_px": list(restored.shift_px), "unrestored": restored.unrestored, "choice": restored.file is not None,
        "heat": f"/api/images/{picture.id}/heat" if restored.heat_sha256 else None,
    }  # fmt: skip


def _reframed(restored: Restored) -> str:
    if restored.scale_permille != 1000:
        larger = restored.scale_permille - 1000
        return f"drew the picture {abs(larger) // 10} % {'larger' if larger > 0 else 'smaller'}"
    if restored.shift_px != (0, 0):
        return f"moved the picture by {_way(restored.shift_px)}"
    return "made the picture in another shape"


def _way(shift: tuple[int, int]) -> str:
    return f"{max(map(abs, shift))} px"


async def chosen(picture: PictureRecord, blobs: BlobStore, *, unrestored: bool) -> PictureRecord:
    """The record as it is with the other of its two files. Raises ConflictError for a picture that has only one."""
    restored, came = picture.restored, picture.received
    if restored is None or restored.file is None or came is None:
        raise ConflictError("Nothing was restored in this picture, so there is no other one.", param="id")
    if restored.unrestored == unrestored:
        return picture
    file = came if unrestored else restored.file
    data = await blobs.get(file.sha256)
    if data is None:
        raise ConflictError("The other file of this picture is no longer kept.", param="id")
    info = header(data)
    return replace(picture, sha256=file.sha256, bytes=file.bytes, media_type=file.media_type, width=info.width,
                   height=info.height, restored=replace(restored, unrestored=unrestored))  # fmt: skip


def with_file(restored: Restored, sha256: str, data: bytes) -> Restored:
    """With the name of the file that is delivered, where something was put back."""
    if restored.state != "restored":
        return restored
    return replace(restored, file=Received(sha256=sha256, bytes=len(data), media_type=header(data).media_type))
