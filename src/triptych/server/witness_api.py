"""Witnesses over HTTP (C2SP tlog-witness): this server as a witness of logs that its owner named, and the door for
witnesses that follow this server's own log by themselves."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.body import whole_body
from triptych.spec.errors import BadRequestError, ConflictError
from triptych.tlog.errors import NoteError
from triptych.tlog.witness import MAX_REQUEST, TEXT_TYPE

_FRESH = {"Cache-Control": "no-store"}


class WitnessApi:
    """Handlers over one application. What they take is believed by its signatures alone."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/witness/add-checkpoint", self.add_checkpoint, methods=["POST"]),
            Route("/.well-known/triptych/witness", self.key),
            Route("/log/cosignatures", self.hand_in, methods=["POST"]),
        ]

    async def add_checkpoint(self, request: Request) -> Response:
        """Cosigns the checkpoint of a log in `witness_for`, if it goes on from the one that was cosigned last."""
        answer = await self._app.witness.add_checkpoint(await whole_body(request, MAX_REQUEST))
        return Response(answer.body, answer.status, _FRESH, answer.content_type)

    async def key(self, _: Request) -> Response:
        """This witness as a line of a trust policy (C2SP tlog-policy)."""
        key = await self._app.witness.key()
        return Response(f"witness {key.name} {key}\n", 200, _FRESH, TEXT_TYPE)

    async def hand_in(self, request: Request) -> Response:
        """Takes signature lines of the witnesses in the setting `witnesses` on the latest checkpoint of this log."""
        try:
            kept = await self._app.receipts.take_cosignatures(await whole_body(request, MAX_REQUEST))
        except NoteError as error:
            raise BadRequestError(f"These are no signature lines: {error}", param="body") from None
        if not kept:
            raise ConflictError("These are no cosignatures of a witness of this log on its latest checkpoint.",
                                hint="Look at /log/checkpoint again; the log's owner names its witnesses.")  # fmt: skip
        return Response("kept\n", 200, _FRESH, TEXT_TYPE)
