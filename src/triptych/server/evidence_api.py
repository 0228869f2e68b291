"""What came of checking nodes, over HTTP, as docs/reference/network-api.md has it: counts, evidence, and the pictures side by side."""

from collections.abc import Iterable, Sequence
from typing import Literal, cast, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.audit_book import Check, Tally
from triptych.app.audit_ways import CONSENT, owner_of
from triptych.app.container import App
from triptych.app.neighbour import Neighbour
from triptych.network.audit import Looks, Role, drawn_by
from triptych.network.compare import LEAST_RUNS, UNKNOWN
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError, NotFoundError
from triptych.spec.json import JsonObject
from triptych.store.base import Spend

PATH = "/api/network/checks"
MAX_BODY = 4096
MOST_MICRO_USD = 1_000_000_000
_ROLES: tuple[Role, ...] = get_args(Role)
Compared = Looks | Literal["priced", "away"]
"""How an owner's pictures can be compared now: as `Looks` says; not, because nobody pays for a look, or because no node of theirs can be asked."""
_BEST_FIRST: tuple[Compared, ...] = ("fully", "roughly", "unstated", "priced", "alone")
_LOOKED = frozenset[Compared]({"fully", "roughly"})
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": "default-src 'none'; sandbox"}  # fmt: skip


class EvidenceApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route(PATH, self.shown),
            Route(f"{PATH}/twice", self.twice, methods=["PUT"]),
            Route(f"{PATH}/paid", self.paid, methods=["PUT"]),
            Route(f"{PATH}/pardon", self.pardon, methods=["POST"]),
            Route(f"{PATH}/{{id}}/{{role}}/{{place:int}}", self.picture),
        ]

    async def shown(self, _: Request) -> Response:
        """What is thought of each owner and why, and whether pictures may be drawn twice."""
        book = self._app.audits.book
        nodes = self._app.neighbours.nodes()
        twice = await self._app.store.get_setting(CONSENT) is True
        owners: dict[str, list[Tally]] = {}
        for tally in book.tallies():
            owners.setdefault(tally.about.owner, []).append(tally)
        return reply({
            "twice": twice, "due": len(book.due), "least_runs": LEAST_RUNS, "paid": await self._paid(),
            "classes": self._classes(nodes),
            "owners": [await self._owner(owner, tallies, nodes) for owner, tallies in sorted(owners.items())],
            "checks": [self._check(one, nodes) for one in reversed(book.checks.values())],
        })  # fmt: skip

    async def _paid(self) -> JsonObject:
        """What looks at nodes that ask a price may cost in a day (UTC), and what they cost today."""
        purse = self._app.audits.purse
        spent = Spend(amount_micro_usd=0, unknown=0) if purse is None else await purse.today()
        return {"day_micro_usd": self._app.neighbours.paying.checks, "spent_micro_usd": spent.amount_micro_usd, "unknown": spent.unknown}  # fmt: skip

    def _classes(self, nodes: Iterable[Neighbour]) -> list[JsonObject]:
        """Which pictures can be judged: those of a class in which honest machines were measured."""
        book, found = self._app.audits.book, dict[str, JsonObject]()
        for model in (model for one in nodes for model in one.card.body.models):
            by = drawn_by(model)
            if model.digest is not None and model.precision != UNKNOWN:
                measured = book.limits(by) is not None
                found.setdefault(by.kind, {"model": model.id, "engine": model.engine, "precision": model.precision,
                                           "measured": measured, "runs": book.runs(by)})  # fmt: skip
        return list(found.values())

    async def _owner(self, owner: str, tallies: Iterable[Tally], nodes: Iterable[Neighbour]) -> JsonObject:
        theirs = [one for one in nodes if owner_of(one) == owner]
        return {"owner": owner, "names": [one.name for one in theirs], "nodes": [one.id for one in theirs],
                "models": [await self._model(tally, theirs) for tally in tallies]}  # fmt: skip

    async def _model(self, tally: Tally, theirs: Sequence[Neighbour]) -> JsonObject:
        """Where the weights are not stated, the opinion goes by the model's name."""
        now, about, opinion = self._app.clock.now_ms(), tally.about, tally.opinion
        runs = [
            (one, model.id)
            for one in theirs
            for model in one.card.body.models
            if about.model == (model.digest or model.id)
        ]
        ways = [await self._looks(one, name) for one, name in runs]
        compared = next((way for way in _BEST_FIRST if way in ways), "away")
        rate = opinion.audit_rate(now) if compared in _LOOKED else 0.0
        return {"model": runs[0][1] if runs else about.model[:12], "compared": compared, "standing": opinion.standing(now), "rate": rate,
                "jobs": opinion.jobs, "checks": tally.checks, "matches": tally.matches, "mismatches": tally.mismatches,
                "unclear": tally.checks - tally.matches - tally.mismatches, "faults": tally.faults}  # fmt: skip

    async def _looks(self, one: Neighbour, model: str) -> Compared:
        purse = self._app.audits.purse
        paid = one.price is None or (purse is not None and purse.allows(one.price))
        return await self._app.audits.looks(one.id, model) or "away" if paid else "priced"

    def _check(self, one: Check, nodes: Iterable[Neighbour]) -> JsonObject:
        names = {node.id: node.name for node in nodes}
        sides = (
            {"suspect": one.record.suspect, "reference": one.record.reference, "third": one.record.third}
            if one.record
            else {}
        )
        pictures = [
            {"role": role, "url": f"{PATH}/{one.id}/{role}/{place}", "lane": side.lane, "name": names.get(side.node, f"Node {side.node[:6]}")}
            for role, side in sides.items() if side is not None
            for place in range(one.pictures.get(cast("Role", role), 0))
        ]  # fmt: skip
        return {"id": one.id, "what": one.what, "at_ms": one.at_ms, "owner": one.about.owner, "node": one.node, "model": one.model,
                "name": names.get(one.node, f"Node {one.node[:6]}"), "outcome": one.outcome, "wrong": one.wrong, "why": one.why,
                "accused": one.accused, "pictures": pictures}  # fmt: skip

    async def twice(self, request: Request) -> Response:
        """Lets pictures of the open network be drawn a second time, or not: `{"given": true}`."""
        require_session(request, self._app.session)
        given = json_object(await whole_body(request, MAX_BODY)).get("given")
        if not isinstance(given, bool):
            raise BadRequestError("given must be true or false.", param="given")
        await self._app.store.put_setting(CONSENT, given)
        return await self.shown(request)

    async def paid(self, request: Request) -> Response:
        """Agrees to pay for looks at nodes that ask a price, so much in a day at most: `{"day_micro_usd": 200000}`."""
        require_session(request, self._app.session)
        given = json_object(await whole_body(request, MAX_BODY)).get("day_micro_usd")
        if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= MOST_MICRO_USD:
            raise BadRequestError(
                f"day_micro_usd takes whole micro-dollars from 0 to {MOST_MICRO_USD}.", param="day_micro_usd"
            )
        await self._app.neighbours.paying.allow_checks(given)
        return await self.shown(request)

    async def pardon(self, request: Request) -> Response:
        """Lets an owner's nodes begin anew: `{"owner": …}`."""
        require_session(request, self._app.session)
        owner = json_object(await whole_body(request, MAX_BODY)).get("owner")
        if not isinstance(owner, str) or not await self._app.audits.book.pardon(owner, self._app.clock.now_ms()):
            raise NotFoundError("Nothing is known of such an owner.", param="owner")
        await self._app.neighbours.offer_anew()
        return await self.shown(request)

    async def picture(self, request: Request) -> Response:
        """A picture of a check, encoded anew: it is no picture of the studio's."""
        found, place = request.path_params, request.path_params["place"]
        check = self._app.audits.book.checks.get(found["id"])
        role = next((one for one in _ROLES if one == found["role"]), None)
        if check is None or role is None or place >= check.pictures.get(role, 0):
            raise NotFoundError("There is no such picture.", param="id")
        kept = await self._app.audits.book.pictures(check.id, role, check.pictures[role])
        if place >= len(kept):
            raise NotFoundError("The picture is not kept any more.", param="id")
        data, kind = await self._app.workshop.display(kept[place])
        return Response(data, 200, _HEADERS, kind)
