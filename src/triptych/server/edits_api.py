"""What edits start from: pictures in larger frames, proposed texts, earlier turns; as docs/reference/studio-api.md has it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError
from triptych.spec.records import Parent
from triptych.studio.instructions import INSTRUCTIONS
from triptych.studio.outpaint import FORMATS, read_ratio

MAX_BODY = 4096


class EditsApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/outpaint", self.frame, methods=["POST"]),
            Route("/api/instructions", self.instructions, methods=["GET"]),
            Route("/api/images/{id}/turns", self.turns),
        ]

    async def instructions(self, _: Request) -> Response:
        """The published texts, and the shapes that have names."""
        return reply({"instructions": INSTRUCTIONS, "formats": FORMATS})

    async def frame(self, request: Request) -> Response:
        """The picture in its frame and the mask; nothing is sent anywhere."""
        require_session(request, self._app.session)
        body = json_object(await whole_body(request, MAX_BODY))
        sha256 = body.get("sha256")
        if not isinstance(sha256, str):
            raise BadRequestError("sha256 must be the hash of a kept picture.", param="sha256")
        place = {name: _number(body, name, usual) for name, usual in (("x", 0.5), ("y", 0.5), ("share", 1.0))}
        return reply((await self._app.outpaint.frame(sha256, read_ratio(body.get("ratio")), **place)).json, 201)

    async def turns(self, request: Request) -> Response:
        """The turns that led to a picture, the oldest first; nothing of what a provider keeps of them."""
        picture = await self._app.studio.pictures.record(request.path_params["id"])
        parent = Parent(tile=picture.tile_id, picture=picture.id)
        told = []
        for tile, made in await self._app.studio.planner.conversation.steps(parent):
            maker = tile.endpoint or tile.model
            found = self._app.models.endpoints().get(maker)
            told.append({
                "tile": tile.id, "run": tile.run_id, "picture": made.id, "thumb": f"/api/images/{made.id}/thumb",
                "prompt": str(tile.request.get("prompt", "")), "model": maker,
                "name": maker if found is None else found.model.card.name, "remembers": made.context_of,
            })  # fmt: skip
        return reply({"turns": told})


def _number(body: dict[str, object], name: str, usual: float) -> float:
    value = body.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequestError(f"{name} must be a number.", param=name)
    return float(value)
