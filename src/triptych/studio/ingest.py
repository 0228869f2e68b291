"""Pictures on their way in: held against the caps, converted where that was asked, kept by hash.

First they are read and hashed, then the tile is stored with their records, and only then their bytes are kept: whenever
the process ends, bytes that are kept have a record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

from triptych.imaging.header import PictureInfo, header
from triptych.imaging.mask import MaskReading
from triptych.imaging.restoring import RestoredBytes
from triptych.imaging.workshop import EncodedType
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, HostileContentError, TooLargeError
from triptych.spec.ids import id_beside
from triptych.spec.image import Adjustment, GeneratedImage, ImageRequest
from triptych.spec.records import PictureRecord, Received, UpstreamCredentials
from triptych.spec.routing import RoutedResult
from triptych.store.base import BlobStore
from triptych.studio.credentials import Credentials, sha256_of
from triptych.studio.outside import is_emulated, mask_note, mend, with_file

UPLOAD_LIMIT = 50 * 1024 * 1024
_FORMATS: dict[str, EncodedType] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_SHAPE_SLACK = 0.02  # relative difference up to which a picture has the shape that was asked for


class Workshop(Protocol):
    """What is needed of imaging."""

    async def thumbnail(self, data: bytes, side: int = 256) -> bytes: ...
    async def convert(self, data: bytes, media_type: EncodedType, quality: int | None = None) -> bytes: ...
    async def display(self, data: bytes) -> tuple[bytes, str]: ...
    async def restore(self, answer: bytes, source: bytes, mask: bytes) -> RestoredBytes: ...
    async def read_mask(self, data: bytes) -> tuple[MaskReading, bytes]: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What came in: the pictures, what is to be said about them, and by hash the bytes that are to be kept. The bytes a
    picture was made of come before its own."""

    pictures: tuple[PictureRecord, ...]
    adjustments: tuple[Adjustment, ...]
    files: Mapping[str, bytes]


class Intake:
    """Reads pictures and keeps them."""

    def __init__(
        self, blobs: BlobStore, workshop: Workshop, clock: Clock, credentials: Credentials | None = None
    ) -> None:
        self._blobs = blobs
        self._credentials = credentials
        self._workshop = workshop
        self._clock = clock

    async def read(
        self,
        tile_id: str,
        request: ImageRequest,
        result: RoutedResult,
        *,
        kept: Sequence[PictureRecord] = (),
        came: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Taken:
        """The pictures of a result, not kept yet. One that must not be opened is left out, and said; when none is left
        its HostileContentError is raised.

        `kept` are pictures of this tile that were kept before, `came` the bytes of those among them that are in this
        result again; the others are of an earlier process, and are in it where it has the same bytes.
        """
        files: dict[str, bytes] = {}
        known = {id(data): picture for picture in kept if (data := came.get(picture.id)) is not None}
        earlier = [picture for picture in kept if picture.id not in came]
        pictures: list[PictureRecord] = []
        notes = {note.feature: note for note in result.adjustments}
        here = {picture.position for picture in earlier}  # what an earlier process kept is missing in this result only
        missing = [failure.message for failure in result.failures if failure.index not in here]
        refused: HostileContentError | None = None
        for image in result.images:
            place = _free_place((*pictures, *earlier), known.values())
            try:
                had = known.get(id(image.data)) or await _same(earlier, image.data)
                found = await self._read_one(tile_id, had.position if had else place, request, image, notes, files, had)
                pictures.append(found)
                earlier = [picture for picture in earlier if picture is not had]
            except HostileContentError as error:
                refused = error
                missing.append(error.message)
        pictures += earlier
        if not pictures and refused is not None:
            raise refused
        pictures.sort(key=lambda picture: picture.position)
        if missing:
            notes["pictures"] = missing_pictures(len(missing), len(pictures) + len(missing), missing)
        if (about := mask_note(pictures, sent=not is_emulated(notes.values()))) is not None:
            notes["mask"] = about
        return Taken(tuple(pictures), tuple(notes.values()), files)

    async def read_one(
        self,
        tile_id: str,
        position: int,
        request: ImageRequest,
        image: GeneratedImage,
        said: Sequence[Adjustment] = (),
    ) -> Taken:
        """One picture that came before the others, not kept yet. `said` is what the model made of the request. Raises
        HostileContentError."""
        files: dict[str, bytes] = {}
        notes = {note.feature: note for note in said}
        return Taken((await self._read_one(tile_id, position, request, image, notes, files),), (), files)

    async def keep(self, taken: Taken) -> None:
        """Keeps the bytes. Raises StorageError."""
        for sha256, data in taken.files.items():
            await self._blobs.put(data, sha256)

    async def _read_one(
        self,
        tile_id: str,
        position: int,
        request: ImageRequest,
        image: GeneratedImage,
        notes: dict[str, Adjustment],
        files: dict[str, bytes],
        had: PictureRecord | None = None,
    ) -> PictureRecord:
        """Adds its bytes to `files`. With `had` the record that there is already: only what is to be said about it is new, and its cost."""
        data, info = image.data, header(image.data)
        wanted = _FORMATS.get(request.output_format or "")
        received: Received | None = None
        mending = had is None and (request.restore or is_emulated(notes.values()))
        mended = await mend(self._workshop, request, data) if mending else None
        put_back = mended is not None and mended.restored.state == "restored"
        carried = wanted in {None, info.media_type} and not put_back
        upstream = had.credentials if had else await self._upstream(data, carried)
        if mended is not None and mended.heat is not None and mended.restored.heat_sha256 is not None:
            files[mended.restored.heat_sha256] = mended.heat
        if mended is not None and put_back:
            received = await _received(data, info, files, keep=True)
            data, info = mended.data, header(mended.data)
        if wanted is not None and info.media_type != wanted:
            if had is None:
                received = received or await _received(data, info, files, keep=upstream is not None)
                data = await self._workshop.convert(data, wanted, request.output_compression)
            came = "restored outside the mask" if put_back else f"the model sent {_spoken(info.media_type)}"
            text = f"{came}; converted to {_spoken(wanted)} here"
            text += ", which takes its content credentials out" if upstream else ""
            notes["output_format"] = Adjustment("output_format", "emulated", text)
            info = header(data)
        elif wanted is not None and notes.get("output_format", _NATIVE).kind != "native":
            notes["output_format"] = _NATIVE
        _compare_shape(request, info, notes)
        if had is not None:
            return replace(had, cost=image.cost)
        now, sha256 = self._clock.now_ms(), await sha256_of(data)
        files[sha256] = data
        return PictureRecord(
            id=id_beside("img", tile_id), tile_id=tile_id, position=position, sha256=sha256,
            media_type=info.media_type, width=info.width, height=info.height, bytes=len(data), created_ms=now,
            revised_prompt=image.revised_prompt, seed=image.seed, cost=image.cost, received=received,
            bare_sha256=await sha256_of(data, without_credentials=True) if upstream and not received else None,
            credentials=upstream, restored=with_file(mended.restored, sha256, data) if mended else None,
            context=image.context, context_of=image.context_of,
        )  # fmt: skip

    async def _upstream(self, data: bytes, carried: bool) -> UpstreamCredentials | None:  # noqa: FBT001
        return None if self._credentials is None else await self._credentials.upstream(data, carried=carried)

    async def upload(self, data: bytes) -> tuple[str, PictureInfo]:
        """Checks and keeps a picture that a person gave. Raises TooLargeError, BadRequestError and StorageError."""
        if len(data) > UPLOAD_LIMIT:
            raise TooLargeError(
                f"The file has {len(data) / 2**20:.0f} MB; the limit is {UPLOAD_LIMIT // 2**20} MB.",
                hint="Make it smaller first.", param="image",
            )  # fmt: skip
        try:
            info = header(data)
        except HostileContentError as error:
            raise BadRequestError(error.message, hint=error.hint, param="image") from error
        return await self._blobs.put(data), info


_NATIVE = Adjustment("output_format", "native", "came as asked")


def missing_pictures(gone: int, of: int, why: Iterable[str]) -> Adjustment:
    """What a tile says that has fewer pictures than it could have."""
    return Adjustment("pictures", "adjusted", f"{gone} of {of} pictures did not come: {'; '.join(dict.fromkeys(why))}")


async def _received(data: bytes, info: PictureInfo, files: dict[str, bytes], *, keep: bool) -> Received:
    """The file as it came: its bytes are kept, too, where it has content credentials, to be carried on, or may be wanted
    as it was."""
    sha256 = await sha256_of(data)
    if keep:
        files[sha256] = data
    return Received(sha256=sha256, bytes=len(data), media_type=info.media_type)


async def _same(earlier: Sequence[PictureRecord], data: bytes) -> PictureRecord | None:
    """The picture that was made of these bytes before."""
    sha256 = await sha256_of(data) if earlier else ""
    return next((one for one in earlier if (one.received.sha256 if one.received else one.sha256) == sha256), None)


def _free_place(pictures: Sequence[PictureRecord], more: Iterable[PictureRecord]) -> int:
    return max((picture.position for picture in (*pictures, *more)), default=-1) + 1


def _spoken(media_type: str) -> str:
    return media_type.removeprefix("image/").upper()


def _compare_shape(request: ImageRequest, info: PictureInfo, notes: dict[str, Adjustment]) -> None:
    """Says so when a picture came in another shape than was asked for and nobody has said it yet."""
    feature = "size" if request.size is not None else "aspect_ratio"
    asked = request.size or request.aspect_ratio
    if asked is None or info.height == 0 or notes.get(feature, _NATIVE).kind != "native":
        return
    if abs(info.width / info.height * asked.height / asked.width - 1) > _SHAPE_SLACK:
        notes[feature] = Adjustment(feature, "adjusted", f"asked for {asked}, it came as {info.width}x{info.height}")
