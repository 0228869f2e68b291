"""Drafts made final, as docs/reference/studio-api.md has it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.idempotency import Idempotency
from triptych.server.openai_fields import nonce_header
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError

MAX_BODY = 1 << 12


class PromotionApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._idempotency = Idempotency(app.store, app.clock, app.owners.name, app.owners.alive)

    def routes(self) -> list[Route]:
        return [
            Route("/api/tiles/{id}/promote", self.offers, methods=["GET"]),
            Route("/api/tiles/{id}/promote", self.promote, methods=["POST"]),
        ]

    async def offers(self, request: Request) -> Response:
        return reply(await self._app.promotion.offers(request.path_params["id"]))

    async def promote(self, request: Request) -> Response:
        require_session(request, self._app.session)
        body, tile, nonce = await whole_body(request, MAX_BODY), request.path_params["id"], nonce_header(request)
        said = json_object(body) if body else {}
        for name in ("picture", "model"):
            if not isinstance(said.get(name), str | None):
                raise BadRequestError(f"{name} must be a name.", param=name)
        made = await self._idempotency.once(
            request, body,
            lambda claim: self._app.promotion.promote(
                tile, picture_id=said.get("picture"), model=said.get("model"), confirm=said.get("confirm") is True,
                nonce=nonce, claim=claim,
            ),
            self._app.studio.tile,
        )  # fmt: skip
        answer = reply(made.value.page, 202)
        if made.replayed:
            answer.headers["Idempotent-Replayed"] = "true"
        return answer
