"""The ASGI application: routes, the order of the layers, and what happens at start and stop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from triptych.app.container import App
from triptych.app.model_views import listed, model_views, parameters
from triptych.server.auth import LocalOnly
from triptych.server.batches_api import BatchesApi
from triptych.server.drift_api import DriftApi
from triptych.server.edits_api import EditsApi
from triptych.server.errors import HANDLERS
from triptych.server.events import events_response
from triptych.server.evidence_api import EvidenceApi
from triptych.server.gallery_api import GalleryApi
from triptych.server.gemini import Gateway
from triptych.server.grid_api import GridApi
from triptych.server.headline_api import HeadlineApi
from triptych.server.image_jobs import ImageJobs
from triptych.server.import_api import ImportApi
from triptych.server.kit_api import KitApi
from triptych.server.kit_client_api import KitClientApi
from triptych.server.lineage_api import LineageApi
from triptych.server.network_api import NetworkApi
from triptych.server.onboarding_api import OnboardingApi
from triptych.server.openai_chat import ChatApi
from triptych.server.openai_images import ImagesApi
from triptych.server.picks_api import PicksApi
from triptych.server.promotion_api import PromotionApi
from triptych.server.public import Doors, public_app
from triptych.server.push_api import PushApi
from triptych.server.receipts_api import ReceiptsApi
from triptych.server.router_api import RouterApi
from triptych.server.share_api import ShareApi
from triptych.server.studio_api import StudioApi, reply
from triptych.server.tasks_api import TasksApi
from triptych.server.usage_api import UsageApi
from triptych.server.witness_api import WitnessApi
from triptych.server.workers_api import WorkersApi
from triptych.spec.errors import NotFoundError, UnknownModelError
from triptych.studio.models import Names
from triptych.web import assets
from triptych.web.languages import COOKIE, language
from triptych.web.shell import PAGES

Lifespan = Callable[[], AbstractAsyncContextManager[None]]


class Site:
    """The page, its files, events, health, and the list of models in OpenAI's shape."""

    def __init__(self, app: App, studio: StudioApi, stopping: asyncio.Event) -> None:
        self._app = app
        self._studio = studio
        self.stopping = stopping

    async def page(self, request: Request) -> Response:
        spoken = language(request.headers.get("accept-language", ""), request.cookies.get(COOKIE))
        html, headers = assets.page(dict(await self._studio.boot()), path=request.url.path, language=spoken)
        return HTMLResponse(html, headers=headers)

    async def asset(self, request: Request) -> Response:
        found = assets.asset(
            request.path_params["path"], "gzip" in request.headers.get("accept-encoding", ""),
            version=request.path_params["version"],
        )  # fmt: skip
        if found is None:
            raise NotFoundError("There is no such file in this version of the page.", hint="Reload the page.")
        return Response(found.body, headers=dict(found.headers))

    async def worker(self, _: Request) -> Response:
        found = assets.worker()
        return Response(found.body, headers=dict(found.headers))

    async def favicon(self, _: Request) -> Response:
        return RedirectResponse(f"/web/{assets.VERSION}/mark.svg", 308)

    async def events(self, request: Request) -> Response:
        return events_response(request, self._app.bus, self.stopping, self._app.push.looked_at)

    async def health(self, _: Request) -> Response:
        return reply({"status": "ok"})

    async def openai_models(self, _: Request) -> Response:
        """`GET /v1/models`: what can be used now, in OpenAI's shape, with our facts beside it."""
        usable = {"ready", "limited"}
        views = [v for v in model_views(self._app.models, self._app.router) if v["state"] in usable]
        data = [{"id": v["id"], "object": "model", "created": 0, "owned_by": v["maker"], "triptych": v} for v in views]
        return reply({"object": "list", "data": data})

    async def openai_model(self, request: Request) -> Response:
        """`GET /v1/models/{id}`, with what each field may be. Raises UnknownModelError with the near names."""
        name = request.path_params["id"]
        views = model_views(self._app.models, self._app.router)
        found = next((v for v in views if v["id"] == name), None)
        if found is None:
            Names(self._app.models).resolve(name)
            raise UnknownModelError(f"{name!r} is no single model, so there is nothing to show for it.",
                                    hint="See GET /v1/models.", param="model")  # fmt: skip
        facts = {**found, "parameters": parameters(self._app.models, name)}
        return reply({"id": name, "object": "model", "created": 0, "owned_by": found["maker"], "triptych": facts})

    def announce_models(self, _: str) -> None:
        """Tells every page that models or keys changed."""
        self._app.models.moved = {name: moves.json for name, moves in self._app.drift.moved.items()}
        self._app.bus.publish("models", listed(self._app.models, self._app.router, self._app.picks))


_WORKSHOPS = (
    BatchesApi,
    GridApi,
    DriftApi,
    PicksApi,
    GalleryApi,
    OnboardingApi,
    KitApi,
    KitClientApi,
    HeadlineApi,
    LineageApi,
    PromotionApi,
    ImportApi,
    EditsApi,
    TasksApi,
    PushApi,
    NetworkApi,
    EvidenceApi,
    WorkersApi,
    ShareApi,
)
"""What the studio's page does beyond runs and tiles, each a file of its own."""


def build(
    app: App,
    lifespan: Lifespan | None = None,
    stopping: asyncio.Event | None = None,
    public_port: int | None = None,
) -> ASGIApp:
    """The application over an opened App. `lifespan` is entered before the first request and left after the last;
    once `stopping` is set, open event streams end, because the server waits for every answer before it stops. Whoever
    comes in by `public_port` sees what is public and nothing else."""
    studio, jobs = StudioApi(app), ImageJobs(app)
    images, chat = ImagesApi(jobs), ChatApi(app, jobs)
    router, receipts, witness, usage = RouterApi(app), ReceiptsApi(app), WitnessApi(app), UsageApi(app)
    site = Site(app, studio, stopping or asyncio.Event())
    app.models.on_change(site.announce_models)
    app.drift.changed = lambda: site.announce_models("")

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        if lifespan is None:
            yield
        else:
            async with lifespan():
                yield

    starlette = Starlette(
        routes=[  # looked through in this order: first what is asked most
            Route("/v1/images/generations", images.generations, methods=["POST"]),
            Route("/v1/images/edits", images.edits, methods=["POST"]),
            Route("/v1/chat/completions", chat.completions, methods=["POST"]),
            *(Route(path, site.page) for path in PAGES),
            Route("/favicon.ico", site.favicon),
            Route("/sw.js", site.worker),
            Route("/web/{version}/{path:path}", site.asset),
            Route("/healthz", site.health),
            Route("/api/events", site.events),
            *studio.routes(),
            *router.routes(),
            *witness.routes(),
            *receipts.routes(),
            *usage.routes(),
            *(route for api in _WORKSHOPS for route in api(app).routes()),
            Route("/v1/models", site.openai_models),
            Route("/v1/models/{id:path}", site.openai_model),
        ],
        exception_handlers=HANDLERS,
        lifespan=life,
    )
    private = LocalOnly(Gateway(app, jobs, starlette))
    if public_port is None:
        return private
    files = Route("/web/{version}/{path:path}", site.asset)
    public = [*router.public_routes(), *witness.routes(), *receipts.public_routes(), *usage.routes(), files]
    return Doors(private, public_app(public), public_port)
