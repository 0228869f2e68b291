"""Usage for everybody: the page and its files, counted from the log's files and from nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.network.usage.formats import as_csv, as_json, as_parquet
from triptych.network.usage.reading import Counting
from triptych.network.usage.report import Report
from triptych.server.spoken import spoken
from triptych.spec.errors import NotFoundError, OverloadedError, StorageError
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.errors import TlogError
from triptych.tlog.note import Note
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.tiles import CHECKPOINT_PATH
from triptych.web import assets, usage
from triptych.web.languages import words_of

PATIENCE_S = 2.0  # how long an answer waits for numbers; later ones find them counted
_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


class UsageApi:
    """Counts the log as it grows, each entry once, beside the event loop. Between two checkpoints nothing is done."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._counting: Counting | None = None
        self._task: asyncio.Task[Report] | None = None
        self._latest: Report | None = None
        self._of = 0

    def routes(self) -> list[Route]:
        return [
            Route("/usage", self.page),
            Route("/usage.json", self._file(as_json, "application/json")),
            Route("/usage.csv", self._file(lambda report: as_csv(report.rows), "text/csv; charset=utf-8")),
            Route(
                "/usage.parquet", self._file(lambda report: as_parquet(report.rows), "application/vnd.apache.parquet")
            ),
        ]

    async def page(self, request: Request) -> Response:
        """The page. While a long log is counted for the first time, it says so and looks again."""
        headers = {**_HEADERS, "Content-Security-Policy": assets.CSP, "Referrer-Policy": "same-origin"}
        report, words = await self._report(), words_of(spoken(request, request.query_params.get("lang")))
        if report is None:
            done = self._counting.counted if self._counting else 0
            return HTMLResponse(
                usage.waiting(done, self._of, words), 503, {**headers, "Retry-After": "5", "Refresh": "5"}
            )
        html = await asyncio.to_thread(usage.page, report, str(request.base_url).rstrip("/"), words)
        return HTMLResponse(html, headers=headers)

    def _file(self, write: Callable[[Report], bytes], media_type: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(_: Request) -> Response:
            report = await self._report()
            if report is None:
                raise OverloadedError("The log is being counted.", hint="Ask again shortly.", retry_after_s=5)
            return Response(await asyncio.to_thread(write, report), headers=_HEADERS, media_type=media_type)

        return answer

    async def _report(self) -> Report | None:
        """The tables of the latest checkpoint; of an earlier one when those take long; None while there are none.
        Raises NotFoundError where there is no log, StorageError for one that does not hold."""
        self._of = await self._size()
        if self._latest is not None and self._latest.log.entries == self._of:
            return self._latest
        if self._task is None:
            self._task = asyncio.create_task(self._count(), name="usage")
        task = self._task
        done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
        if done:
            self._task = None if self._task is task else self._task
            self._latest = task.result()
        return self._latest

    async def _count(self) -> Report:
        try:
            if self._counting is None:
                self._counting = Counting(self._app.receipts.file, TrustPolicy.parse(self._app.receipts.trust()))
            await self._counting.follow()
        except TlogError as error:
            self._counting = None
            raise StorageError(f"The transparency log does not hold: {error}", hint="Restore it.") from error
        return await self._counting.report()

    async def _size(self) -> int:
        note = await self._app.receipts.file(CHECKPOINT_PATH)
        if note is None:
            raise NotFoundError("There is no log here yet.", hint="The first `triptych serve` begins it.")
        try:
            return Checkpoint.parse(Note.parse(note).text).size
        except TlogError as error:
            raise StorageError(f"The transparency log cannot be read: {error}", hint="Restore it.") from error
