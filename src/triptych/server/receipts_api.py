"""Receipts and the transparency log over HTTP: what was signed, what opens it, the proof, the log's own files."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.app.direct import direct_calls
from triptych.server.errors import as_json
from triptych.spec.errors import ConflictError, NotFoundError
from triptych.spec.json import JsonObject
from triptych.store.receipts import ReceiptRecord
from triptych.tlog.tiles import CHECKPOINT_PATH

_FOREVER = "public, max-age=31536000, immutable"
_TEXT = "text/plain; charset=utf-8"


def receipt_json(receipt: ReceiptRecord) -> JsonObject:
    """A receipt as the page gets it. `log_index` is null while it waits for the log."""
    address = f"/v1/receipts/{receipt.id}"
    return {"id": receipt.id, "jws": receipt.body, "log_index": receipt.log_index, "url": address,
            "proof": f"{address}/proof", "opening": f"{address}/opening", "direct": f"{address}/direct"}  # fmt: skip


class ReceiptsApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        """Every call of this part. What opens a receipt, and the calls behind it, hold the prompt: never public."""
        return [
            *self.public_routes(),
            Route("/v1/receipts/{id}/opening", self.opening),
            Route("/v1/receipts/{id}/direct", self.direct),
        ]

    def public_routes(self) -> list[Route]:
        """What everybody may read."""
        return [
            Route("/v1/receipts/{id}", self.receipt),
            Route("/v1/receipts/{id}/proof", self.proof),
            Route("/.well-known/triptych/keys", self.keys),
            Route("/.well-known/triptych/log-policy", self.trust),
            Route("/.well-known/triptych/catalogue/{id}", self.catalogue),
            Route("/log/{path:path}", self.log),
        ]

    async def receipt(self, request: Request) -> Response:
        """The receipt as it was signed: a JWS in compact form (RFC 7515)."""
        found = await self._find(request)
        return Response(found.body, 200, {"Cache-Control": _FOREVER}, "application/jose")

    async def proof(self, request: Request) -> Response:
        """That the log has it (C2SP tlog-proof). 503 with `Retry-After` until it is under a checkpoint."""
        data = await self._app.receipts.proof(await self._find(request))
        return Response(data, 200, {"Cache-Control": "no-store"}, _TEXT)

    async def opening(self, request: Request) -> Response:
        """What opens its commitment to the request: for the one who asked, and for whom they show it to."""
        private = msgspec.json.decode((await self._find(request)).private)
        body = as_json({"salt": private["salt"], "request": private["request"]})
        return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")

    async def direct(self, request: Request) -> Response:
        """The calls behind it, as anybody can make them with a key of their own: for the one who asked, because the
        prompt is in them."""
        receipt = await self._find(request)
        found = await direct_calls(receipt.tile_id, self._app.store, self._app.models, self._app.studio.pictures)
        body = as_json({"receipt": receipt.id, "calls": found})
        return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")

    async def keys(self, _: Request) -> Response:
        """The keys that sign here (RFC 7517)."""
        return Response(as_json(self._app.receipts.keys()), 200, {"Cache-Control": "no-cache"}, "application/json")

    async def trust(self, _: Request) -> Response:
        """The trust policy for the log (C2SP tlog-policy)."""
        return Response(self._app.receipts.trust(), 200, {"Cache-Control": "no-cache"}, _TEXT)

    async def catalogue(self, request: Request) -> Response:
        """The catalogue that a policy names, to the byte: the SHA-256 of the answer is its id."""
        body = await self._app.receipts.statements.catalogue(request.path_params["id"])
        if body is None:
            raise NotFoundError("No policy with this catalogue decided here.", param="id")
        return Response(body, 200, {"Cache-Control": _FOREVER}, "application/json")

    async def log(self, request: Request) -> Response:
        """A file of the log (C2SP tlog-tiles), or one that lies beside it. All but the checkpoint never change."""
        path = request.path_params["path"]
        data = await self._app.receipts.file(path)
        if data is None:
            raise NotFoundError(f"The log has no {path[:100]}.", hint="Begin with /log/checkpoint.")
        kept = "no-cache" if path == CHECKPOINT_PATH else _FOREVER
        kind = _TEXT if path == CHECKPOINT_PATH else "application/octet-stream"
        return Response(data, 200, {"Cache-Control": kept}, kind)

    async def _find(self, request: Request) -> ReceiptRecord:
        found = await self._app.store.receipts.get(request.path_params["id"])
        if found is None:
            raise NotFoundError(
                f"There is no receipt {request.path_params['id']!r}.", param="id",
                hint="Ids of receipts begin with rcpt_; an answer of the API and a picture on the page name theirs. A "
                "receipt is made when its tile has ended.",
            )  # fmt: skip
        if await self._veiled(found):
            raise ConflictError("It is hidden who made this picture, and its receipt would tell.",
                                hint="Pick one of its row, or open the row.", param="id")  # fmt: skip
        return found

    async def _veiled(self, receipt: ReceiptRecord) -> bool:
        try:
            return (await self._app.studio.tile(receipt.tile_id)).veiled
        except NotFoundError:  # the log remembers longer than the store
            return False
