"""Pictures that come with a call, as an input of the request."""

from triptych.imaging.header import header
from triptych.provider_kit.upstream import picture_bytes
from triptych.server.body import sha256_of
from triptych.spec.errors import BadRequestError, HostileContentError, TooLargeError
from triptych.spec.image import InputImage

MAX_INPUTS = 16
MAX_INPUT_BYTES = 50 << 20
_PICTURES = {"image/png", "image/jpeg", "image/webp"}


async def input_image(name: str, data: bytes, *, param: str | None = None) -> InputImage:
    """The bytes as a picture, for the field `name`, which an error names unless there is a `param`. Raises TooLargeError over 50 MB, and BadRequestError for anything but
    PNG, JPEG and WebP."""
    if len(data) > MAX_INPUT_BYTES:
        raise TooLargeError(
            f"{name} is larger than {MAX_INPUT_BYTES >> 20} MB.", hint="Send a smaller picture.", param=param or name
        )
    try:
        info = header(data)
    except HostileContentError as error:
        raise BadRequestError(
            f"{name} cannot be used: {error.message}", hint="Send a PNG, JPEG or WebP.", param=param or name
        ) from error
    if info.media_type not in _PICTURES:
        raise BadRequestError(f"{name} is {info.media_type}; it takes PNG, JPEG or WebP.", param=param or name)
    return InputImage(
        data=data,
        media_type=info.media_type,
        sha256=await sha256_of(data),
        width=info.width,
        height=info.height,
    )


async def from_base64(name: str, text: object, param: str) -> InputImage:
    """The same of base64 in either alphabet (RFC 4648 sections 4 and 5), or of a `data:` address."""
    data = picture_bytes(text, urlsafe=True)
    if data is None:
        raise BadRequestError(f"{name} is no base64 of a picture.", hint="Send a PNG, JPEG or WebP.", param=param)
    return await input_image(name, data, param=param)


def at_most(count: int, name: str) -> None:
    """Raises BadRequestError for more pictures than a request takes."""
    if count > MAX_INPUTS:
        raise BadRequestError(f"{count} pictures were sent; at most {MAX_INPUTS} are taken.", param=name)
