"""Tasks with a finished picture, and the weights of this machine's tools, as docs/reference/studio-api.md has it."""

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.app.weights import tool_weights, weights_of
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.idempotency import Idempotency
from triptych.server.openai_fields import nonce_header
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError, NotFoundError
from triptych.spec.image import TASKS, Task

MAX_BODY = 1 << 12


class TasksApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._idempotency = Idempotency(app.store, app.clock, app.owners.name, app.owners.alive)

    def routes(self) -> list[Route]:
        return [
            Route("/api/images/{id}/tasks", self.offers, methods=["GET"]),
            Route("/api/images/{id}/tasks", self.start, methods=["POST"]),
            Route("/api/tools/{id}/weights", self.weights, methods=["GET", "POST", "DELETE"]),
        ]

    async def offers(self, request: Request) -> Response:
        """Every model that offers a task with this picture; with a tool of this machine the state of its weights."""
        told: dict[str, Any] = dict(await self._app.tasks.offers(request.path_params["id"]))
        for offer in told["offers"]:
            weights = weights_of(self._app.models, offer["model"])
            offer["weights"] = None if weights is None else self._app.weights.state(weights)
        return reply(told)

    async def start(self, request: Request) -> Response:
        require_session(request, self._app.session)
        body, picture, nonce = await whole_body(request, MAX_BODY), request.path_params["id"], nonce_header(request)
        said = json_object(body)
        task, model, factor = said.get("task"), said.get("model"), said.get("factor")
        if task not in TASKS:
            raise BadRequestError(f"task takes {' or '.join(TASKS)}.", param="task")
        if not isinstance(model, str):
            raise BadRequestError("model must be the name of a model.", param="model")
        if isinstance(factor, bool) or not isinstance(factor, int | None):
            raise BadRequestError("factor must be a whole number.", param="factor")
        made = await self._idempotency.once(
            request, body,
            lambda claim: self._app.tasks.start(picture, cast("Task", task), model, factor=factor, nonce=nonce, claim=claim),
            self._app.studio.tile,
        )  # fmt: skip
        answer = reply(made.value.page, 202)
        if made.replayed:
            answer.headers["Idempotent-Replayed"] = "true"
        return answer

    async def weights(self, request: Request) -> Response:
        """Says how it stands, starts the fetch, or ends it."""
        weights = tool_weights(self._app.models, request.path_params["id"])
        if weights is None:
            raise NotFoundError("There is no such tool with weights.", param="id")
        if request.method == "GET":
            return reply(self._app.weights.state(weights))
        require_session(request, self._app.session)
        if request.method == "POST":
            return reply(self._app.weights.begin(weights), 202)
        return reply(await self._app.weights.stop(weights))
