"""Pictures in larger frames, and the texts that edits are proposed with, as docs/reference/studio-api.md has them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError
from triptych.studio.instructions import INSTRUCTIONS
from triptych.studio.outpaint import FORMATS, read_ratio

MAX_BODY = 4096


class OutpaintApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/outpaint", self.frame, methods=["POST"]),
            Route("/api/instructions", self.instructions, methods=["GET"]),
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


def _number(body: dict[str, object], name: str, usual: float) -> float:
    value = body.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequestError(f"{name} must be a number.", param=name)
    return float(value)
