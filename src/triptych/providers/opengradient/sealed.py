"""The way to an enclave of OpenGradient: what is asked is sealed to its key, and its answer is checked before anybody sees it.

Oblivious HTTP as RFC 9458 seals it, over JSON in the place of Binary HTTP: no other gateway would understand it. The relay sees who
asks, which enclave, and how many bytes.
"""

import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, StreamHead
from triptych.http.transport import MAX_ANSWER, MAX_IMAGE, EncodedBody, Transport
from triptych.network.ohttp.errors import OhttpError
from triptych.network.ohttp.seal import HEADER_SIZE, REQUEST_TYPE, Answer, Random, seal_request
from triptych.network.opengradient import ProofError, Tee, verify
from triptych.providers.opengradient.adapter import VERIFIED
from triptych.spec.errors import HostileContentError, RejectedError
from triptych.spec.json import Json, JsonObject

_MOST: Final = 256  # answers that are waited for; the one asked for longest ago is given up first
_HINT: Final = "Nothing of it is shown. It may have been billed: look at the account before you make it again."


class SealedTransport:
    """Implements `http.transport.Transport` for one enclave over another one that reaches the relay. Submits are sealed; nothing else
    of them leaves. Whatever is fetched besides goes as it is."""

    def __init__(self, inner: Transport, tee: Tee, *, random: Random = secrets.token_bytes) -> None:
        self._inner, self._tee, self._random = inner, tee, random
        self._waiting: OrderedDict[bytes, Answer] = OrderedDict()

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        """The body as it goes out: sealed, so that its hash in the record is that of the true bytes."""
        body = await self._inner.encode(request)
        if request.step != "submit" or body is None:
            return body
        sealed, answer = seal_request((self._tee.config,), body.data, random=self._random)
        self._waiting[sealed[:HEADER_SIZE]] = answer
        if len(self._waiting) > _MOST:
            self._waiting.popitem(last=False)
        return EncodedBody(sealed, REQUEST_TYPE)

    async def send(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, max_bytes: int = MAX_ANSWER,
        body: EncodedBody | None = None,
    ) -> HttpResponse:  # fmt: skip
        """See `Transport.send`. Raises HostileContentError for an answer that does not prove to be the enclave's."""
        if request.step != "submit":
            return await self._inner.send(
                request, deadline=deadline, allow_private=allow_private, max_bytes=max_bytes, body=body
            )
        sealed = body or await self.encode(request)
        answer = None if sealed is None else self._waiting.pop(sealed.data[:HEADER_SIZE], None)
        if sealed is None or answer is None or not isinstance(request.json, Mapping):
            raise RejectedError("The request was not sealed, so it was not sent.", billed="no")
        outer = replace(request, json=None, headers={**request.headers, "X-TEE-ID": self._tee.id})
        response = await self._inner.send(
            outer, deadline=deadline, allow_private=allow_private, max_bytes=max_bytes, body=sealed
        )
        if not 200 <= response.status < 300:
            return response  # the relay's own words
        status, found = _inner(_opened(answer, response.body))
        verified = {VERIFIED: self._checked(request.json, found)} if status < 400 else {}
        return replace(
            response, status=status, headers={**_plain(response.headers), **verified}, body=msgspec.json.encode(found)
        )

    async def stream(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, body: EncodedBody | None = None
    ) -> AsyncGenerator[HttpResponse | StreamHead | ServerSentEvent, None]:
        """Streams are not asked for here. Raises RejectedError when there is no answer to give."""
        yield await self.send(request, deadline=deadline, allow_private=allow_private, body=body)

    async def fetch_image(
        self, url: str, *, deadline: float, headers: Mapping[str, str] | None = None,
        allow_private_origin: str | None = None, max_bytes: int = MAX_IMAGE,
    ) -> HttpResponse:  # fmt: skip
        """See `Transport.fetch_image`."""
        return await self._inner.fetch_image(url, deadline=deadline, headers=headers,
                                             allow_private_origin=allow_private_origin, max_bytes=max_bytes)  # fmt: skip

    def _checked(self, asked: JsonObject, answered: JsonObject) -> str:
        try:
            return verify(self._tee, asked, answered).tee_id
        except ProofError as error:
            raise HostileContentError(f"The answer does not hold: {error}", billed="unknown", detail=error.reason,
                                      hint=_HINT) from None  # fmt: skip


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that the relay set: none of them says that anything was checked."""
    return {name: value for name, value in headers.items() if name.lower() not in {VERIFIED, "content-type"}}


def _opened(answer: Answer, sealed: bytes) -> bytes:
    try:
        return answer.open(sealed)
    except OhttpError as error:
        raise HostileContentError(
            f"The relay's answer cannot be opened: {error}", billed="unknown", hint=_HINT
        ) from None


def _inner(opened: bytes) -> tuple[int, JsonObject]:
    """What stands in the seal: `{"status", "body"}`, or the body alone."""
    try:
        found: Json = msgspec.json.decode(opened)
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        raise HostileContentError("What was sealed in the answer is no JSON object.", billed="unknown", hint=_HINT)
    status, body = found.get("status"), found.get("body")
    if isinstance(status, int) and not isinstance(status, bool) and isinstance(body, Mapping) and 200 <= status < 600:
        return status, body
    return 200, found
