"""The turns that led to a picture, as docs/reference/studio-api.md has them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.studio_api import reply
from triptych.spec.records import Parent


class ConversationApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [Route("/api/images/{id}/turns", self.turns)]

    async def turns(self, request: Request) -> Response:
        """The oldest first; nothing of what a provider keeps of them."""
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
