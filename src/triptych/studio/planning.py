"""From what is asked for to requests with prices: everything that can be said before a run is started."""

import asyncio
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from triptych.router.budget import Caps, unpriced
from triptych.router.choose import Outlook
from triptych.router.parts import fee_before, price_of
from triptych.router.price import Price, usd
from triptych.router.registry import Registry
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, BudgetError, TriptychError, UnknownModelError
from triptych.spec.image import UNKNOWN_COST, Cost, ImageRequest, Role, later_seed
from triptych.spec.model import Lane, ModelCard
from triptych.spec.records import Parent
from triptych.spec.routing import NO_FEES, Fees, Floors
from triptych.store.base import RecordStore, Spend
from triptych.studio.conversation import Conversation
from triptych.studio.masks import mask_problem
from triptych.studio.models import AUTO, Names
from triptych.studio.pictures import Pictures
from triptych.studio.prompt import DEFAULT_LIMIT, PromptNote, PromptPlan, PromptSpec, read_prompt
from triptych.studio.prompt.expand import COUNT_CEILING
from triptych.studio.quotes import Quote, quote_of, quoted
from triptych.studio.references import ReferencePlan, reference_plan, reference_problem
from triptych.studio.requests import build_request
from triptych.studio.sizes import size_problem
from triptych.studio.starting import ANYWHERE, Bounds, Prospect, Share, nobody_can, share_of, summed
from triptych.studio.terms import AT_ONCE, DEADLINE_S, EASEL, patience
from triptych.studio.tiers import DraftSettings, Tier, draft_settings, draft_words, drafted
from triptych.studio.variation import varied
from triptych.studio.views import DraftPlan, ModelPlan, PlanView

MOST_TILES = 400
MOST_CHARACTERS = 32_000
_FREE_PREVIEWS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRef:
    """A picture that was uploaded, and what it is for."""

    sha256: str
    role: Role = "edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the page or the command line asks for. `models` are those chosen by hand; `--m` in the text goes before
    them, as `--n` goes before `n`. `budget_micro_usd` caps this run; `project` is whose cap it counts against."""

    text: str
    models: tuple[str, ...] = ()
    n: int | None = None
    images: tuple[PictureRef, ...] = ()
    mask: str | None = None
    budget_micro_usd: int | None = None
    only: str | None = None  # this model, whatever the text says
    project: str | None = None
    parent: Parent | None = None  # the picture that this is made from
    fewer: tuple[str, ...] | None = None  # models that may get fewer pictures than are given; None for all
    continues: bool = False  # the conversation that led to `parent`
    tier: Tier = "final"
    restore: bool = False  # the source outside of the mask, also where a model takes masks
    lane_floor: Lane | None = None  # the furthest lane that its prompt may go to
    no_community: bool = False  # nor to volunteers, where the floor would let it


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A run that could be started. `requests` are by model, one for each prompt; `problem` says why it cannot be.
    `estimates` are the providers' prices alone, the view's have the fee; `beyond_micro_usd` is held above these in all."""

    prompt: PromptPlan
    models: tuple[str, ...]
    n: int
    notes: tuple[PromptNote, ...]
    requests: Mapping[str, tuple[ImageRequest, ...]]
    estimates: Mapping[str, tuple[Cost, ...]]
    view: PlanView
    budget_micro_usd: int | None
    problem: TriptychError | None
    beyond_micro_usd: int
    drafts: Mapping[str, DraftSettings] = field(default_factory=dict)  # by model, where drafts were asked for
    repeating: frozenset[str] = frozenset()  # models that make the same picture each time unless there is a seed

    def tiles(self) -> Iterator[tuple[str, ImageRequest, Cost]]:
        """Model, request and price of every tile, in the order shown. Pictures of one prompt by one model count the
        seed up, so that they differ and each can be made again alone."""
        for index in range(len(self.prompt.prompts)):
            for turn in range(self.prompt.repeat):
                for model in self.models:
                    for place in range(self.n):
                        request = self.requests[model][index]
                        offset = turn * self.n + place
                        if request.seed is not None and offset:
                            request = replace(request, seed=later_seed(request.seed, offset))
                        elif model in self.repeating:
                            request = varied(request, offset)
                        yield model, request, self.estimates[model][index]


class Foresee(Protocol):
    """What the router would do now with a request to a model that there is."""

    def __call__(
        self, request: ImageRequest, model: str, *, lane_floor: Lane | None, floors: Floors, deadline_s: float
    ) -> Outlook: ...


class Planner:
    """Reads and prices. `hold` is what is held for a call where that may be more than its `price`, `limit` how many
    prompts one run may stand for, `deadline_s` how long a tile may take."""

    def __init__(
        self,
        *,
        registry: Registry,
        pictures: Pictures,
        store: RecordStore,
        clock: Clock,
        caps: Callable[[], Caps],
        price: Price,
        hold: Price,
        typical: Callable[[ModelCard], tuple[int, int] | None],
        fees: Callable[[], Fees],
        foresee: Foresee,
        limit: int = DEFAULT_LIMIT,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._registry = registry
        self._names: Names | None = None
        self._pictures = pictures
        self.conversation = Conversation(store, pictures.blobs)
        self._store = store
        self._clock = clock
        self._caps = caps
        self._price = price
        self._hold = hold
        self._typical = typical
        self._fees = fees
        self._foresee = foresee
        self._limit = limit
        self._deadline_s = deadline_s

    def names(self) -> Names:
        """The models there are now, by name."""
        if self._names is None or self._names.endpoints is not self._registry.endpoints():
            self._names = Names(self._registry)
        return self._names

    async def draft(self, asked: Asked) -> Draft:
        """A model nobody knows is the draft's problem. Raises NotFoundError for a picture that is not there, and
        BadRequestError for text that cannot be kept and for a parent whose picture and tile do not belong together."""
        check_text(asked.text)
        names = self.names()
        prompt = read_prompt(asked.text, limit=self._limit, model_names=names.mentions())
        wanted = (asked.only,) if asked.only is not None else prompt.models or asked.models
        models, unknown = _resolved(names, wanted)
        await self._check_parent(asked.parent)
        images = tuple([await self._pictures.input(ref.sha256, ref.role) for ref in asked.images])
        mask = await self._pictures.mask(asked.mask) if asked.mask else None
        turns = await self.conversation.turns(asked.parent, images) if asked.continues and asked.parent else ()
        given = {"images": images, "mask": mask and mask.image, "turns": turns,
                 "restore": asked.restore and mask is not None}  # fmt: skip
        finals = {model: self._requests(names, model, prompt.prompts, given) for model in models}
        drafts = {m: self._drafts(names, m, group) for m, group in finals.items()} if asked.tier == "draft" else {}
        requests = {m: tuple(drafted(one, drafts.get(m, {})) for one in group) for m, group in finals.items()}
        per_model, estimates, shares = {}, {}, dict[str, Share]()
        n = prompt.n or asked.n or 1
        budget = min(
            (cap for cap in (prompt.budget_micro_usd, asked.budget_micro_usd) if cap is not None), default=None
        )
        bounds = self._bounds(asked, budget)
        for model in models:
            prospects = await self._prospects(names, model, requests[model], bounds)
            quotes = [prospect.quote for prospect in prospects]
            estimates[model] = tuple(quote.cost for quote in quotes)
            share = shares[model] = share_of(prospects, prompt.total * n)
            draft = self._draft_plan(names, model, drafts[model], finals[model][0]) if model in drafts else None
            told = reference_plan(names, model, requests[model], asked.fewer)
            per_model[model] = _model_plan(share, quotes, prompt.total * n, references=told, draft=draft)
        notes = (
            *prompt.notes,
            *(PromptNote("error", name, _sentence(error)) for name, error in unknown.items()),
            *_more_notes(names, prompt, models, len(images), n),
            *(mask.notes() if mask else ()),
        )
        all_of_it = summed(shares.values())
        sizes = _impossible_size(names, requests)
        if sizes is not None:  # nothing would be sent, so there is nothing to say about what would be
            per_model = {model: replace(plan, adjustments=()) for model, plan in per_model.items()}
        problem = (
            next(iter(unknown.values()), None)
            or _prompt_problem(prompt, models, prompt.total * n * len(models), all_of_it.total, self._limit)
            or mask_problem(images, mask)
            or sizes
            or (None if all_of_it.images else nobody_can(share.reason for share in shares.values()))
            or reference_problem(plan.references for plan in per_model.values() if plan.ok)
            or await self.over_caps(all_of_it.total, budget, asked.project, beyond=all_of_it.beyond_micro_usd)
        )
        view = PlanView(
            prompts=prompt.total, images=all_of_it.images, total=all_of_it.total, known_micro_usd=all_of_it.known_micro_usd,
            unknown_count=all_of_it.unknown, seconds=self._seconds(names, shares), chips=prompt.chips, notes=(*notes, *_waits(names, shares)),
            fee_micro_usd=all_of_it.fee_micro_usd,
            models=models, per_model=per_model, allowed=problem is None,
            reason=_sentence(problem) if problem else None,
        )  # fmt: skip
        return Draft(prompt=prompt, models=models, n=n, notes=notes, requests=requests, estimates=estimates, view=view,
                     budget_micro_usd=budget, problem=problem, beyond_micro_usd=all_of_it.beyond_micro_usd, drafts=drafts,
                     repeating=frozenset(model for model in models if names.repeats_itself(model)))  # fmt: skip

    def _drafts(self, names: Names, model: str, requests: Sequence[ImageRequest]) -> DraftSettings:
        card = next(iter(names.served_by(model)), None)
        return {} if card is None else draft_settings(card, requests, self._price)

    def _draft_plan(self, names: Names, model: str, settings: DraftSettings, final: ImageRequest) -> DraftPlan:
        return DraftPlan(words=draft_words(settings), final=self.quote(names, model, final).whole)

    async def _check_parent(self, parent: Parent | None) -> None:
        if parent is not None and (await self._pictures.record(parent.picture)).tile_id != parent.tile:
            raise BadRequestError("The picture in parent is not of the tile in parent.", param="parent")

    async def _prospects(
        self, names: Names, model: str, requests: Sequence[ImageRequest], bounds: Bounds
    ) -> list[Prospect]:
        """`auto` looks at every endpoint for each prompt, so others get their turn in between."""
        found = []
        for request in requests:
            found.append(self.prospect(names, model, request, bounds))
            if model == AUTO:
                await asyncio.sleep(0)
        return found

    def prospect(self, names: Names, model: str, request: ImageRequest, bounds: Bounds = ANYWHERE) -> Prospect:
        """What would become of a request to a resolved model: as the router decides it now, at the price of what it could try."""
        lane = next((card.lane for card in names.served_by(model)), None)
        outlook = self._foresee(request, model, lane_floor=bounds.lane_floor, floors=bounds.floors,
                                deadline_s=patience(self._deadline_s, lane))  # fmt: skip
        quote, caps = self.quote(names, model, request, among=outlook.able), bounds.caps
        refusal = outlook.refusal or unpriced(caps.limits(), quote.cost, allowed=caps.allow_unknown_price)
        return Prospect(outlook=outlook, quote=quote, reason=refusal.message if refusal else None)

    def quote(self, names: Names, model: str, request: ImageRequest, *, among: Collection[str] = ()) -> Quote:
        """What a request to a resolved model costs with its fee, and what is held beyond that: the one sum that caps and
        agreements go by. Of several endpoints, or of those it is `among`, the cheapest that can be used."""
        found, fees = self._cheapest(names, model, request, among), self._fees()
        if found is None:
            return Quote(cost=UNKNOWN_COST, fee_micro_usd=fees.on(None))
        return quote_of(found, request, self._price, self._hold, fees)

    def estimate(self, names: Names, model: str, request: ImageRequest) -> Cost:
        """The provider's price alone of that, as it is kept with a tile."""
        found = self._cheapest(names, model, request)
        return UNKNOWN_COST if found is None else price_of(found, request, self._price)

    def fee(self, model: str, request: ImageRequest) -> int:
        """What the router takes for itself of that, by the schedule in force, in micro-dollars. Where no price is known
        the part that needs none, for one call."""
        fees = self._fees()
        if fees == NO_FEES:
            return 0
        found = self._cheapest(self.names(), model, request)
        return fees.on(None) if found is None else fee_before(fees, found, request, self._price)

    def _cheapest(
        self, names: Names, model: str, request: ImageRequest, among: Collection[str] = ()
    ) -> ModelCard | None:
        """Of the endpoints that can be used the cheapest with a known price."""
        served = names.served_by(model)
        usable = [c for c in served if names.endpoints[c.id].ready and names.endpoints[c.id].enabled]
        priced = [
            (price_of(card, request, self._price), card)
            for card in [card for card in usable if card.id in among] or usable or served
        ]
        known = [(cost.amount_micro_usd, card) for cost, card in priced if cost.amount_micro_usd is not None]
        return min(known, key=lambda pair: pair[0])[1] if known else None

    def _seconds(self, names: Names, shares: Mapping[str, Share]) -> tuple[int, int] | None:
        """p50 and p90 of the slowest, whose tiles take turns; None when one of them is not known. The painters share
        their places, so all their tiles together are one queue. A wait for a model comes before its tiles."""
        queues: list[tuple[int, int]] = []
        painted: list[tuple[int, tuple[int, int]]] = []
        for model, share in shares.items():
            cards = names.served_by(model)
            if not cards or not share.images:
                continue
            typical = self._typical(cards[0])
            if typical is None:
                return None
            count, wait = min(share.images, MOST_TILES), math.ceil(share.wait_s)
            if cards[0].is_ai:
                turns = math.ceil(count / AT_ONCE)
                queues.append((wait + typical[0] * turns, wait + typical[1] * turns))
            else:
                painted.append((count, typical))
        if painted:
            queues.append(_painted_seconds(painted))
        return (max(low for low, _ in queues), max(high for _, high in queues)) if queues else None

    def check_size(self, names: Names, model: str, request: ImageRequest) -> None:
        """Raises BadRequestError for a size that is far from everything the model makes."""
        problem = _impossible_size(names, {model: (request,)})
        if problem is not None:
            raise problem

    def _requests(
        self,
        names: Names,
        model: str,
        prompts: Sequence[PromptSpec],
        given: Mapping[str, Any],
    ) -> tuple[ImageRequest, ...]:
        cards = names.served_by(model)
        # Previews of a paid model may cost extra, so they are asked for only where nothing costs anything.
        previews = _FREE_PREVIEWS if cards and all(card.free and card.capabilities.previews for card in cards) else 0
        return tuple(
            build_request(spec, applies=lambda name: names.meant(name, model), previews=previews, **given)
            for spec in prompts
        )

    def _bounds(self, asked: Asked, budget: int | None) -> Bounds:
        caps = self._caps()
        run = min((cap for cap in (caps.run, budget) if cap is not None), default=None)
        caps = replace(caps, run=run, key=None, project=caps.project if asked.project else None)
        return Bounds(lane_floor=asked.lane_floor, floors=Floors(no_community=asked.no_community), caps=caps)

    async def over_caps(
        self, total: Cost, budget: int | None, project: str | None, *, beyond: int = 0
    ) -> TriptychError | None:
        """What a cap has against this total and what is held `beyond` it, None when there is room."""
        if not total.amount_micro_usd:
            return None
        amount, caps = total.amount_micro_usd + beyond, self._caps()
        run = min((cap for cap in (caps.run, budget) if cap is not None), default=None)
        if run is not None and amount > run:
            said = (
                f"{usd(amount)} is held for this until the charge is known"
                if beyond
                else f"This would cost about {usd(amount)}"
            )
            return BudgetError(f"{said}; the cap for this run is {usd(run)}.",
                               hint="Raise it, or ask for fewer pictures.", amount_micro_usd=amount)  # fmt: skip
        day = await self._store.spend(day=today(self._clock)) if caps.day is not None else None
        if day is not None and caps.day is not None and day.amount_micro_usd + amount > caps.day:
            hint = "Raise the day's cap, or wait for the next day (UTC)."
            return _no_room(amount, "the day", caps.day, day, hint)
        whole = await self._store.spend(project=project) if project and caps.project is not None else None
        if whole is not None and caps.project is not None and whole.amount_micro_usd + amount > caps.project:
            hint = "Raise the cap of projects in the settings, or use another project."
            return _no_room(amount, f"project {project}", caps.project, whole, hint)
        return None


def _no_room(amount: int, whose: str, cap: int, spent: Spend, hint: str) -> BudgetError:
    left = usd(max(0, cap - spent.amount_micro_usd))
    return BudgetError(f"This would cost about {usd(amount)}; of {whose}'s {usd(cap)} there is {left} left.",
                       hint=hint, amount_micro_usd=amount)  # fmt: skip


def _resolved(names: Names, wanted: Sequence[str]) -> tuple[tuple[str, ...], dict[str, UnknownModelError]]:
    """The models that the names mean, and what is wrong with those that mean none."""
    models: list[str] = []
    unknown: dict[str, UnknownModelError] = {}
    for name in wanted:
        try:
            models.append(names.resolve(name))
        except UnknownModelError as error:
            unknown[name] = error
    return tuple(dict.fromkeys(models)), unknown


def _sentence(problem: TriptychError) -> str:
    return " ".join(filter(None, (problem.message, problem.hint)))


def _model_plan(
    share: Share, quotes: Sequence[Quote], images: int, *, references: ReferencePlan, draft: DraftPlan | None
) -> ModelPlan:
    cost, fee = quoted(quotes, images)
    return ModelPlan(ok=share.images > 0, reason=share.reason, images=images, starts=share.images, cost=cost, fee_micro_usd=fee,
                     adjustments=share.adjustments, references=references, draft=draft)  # fmt: skip


def _painted_seconds(painted: Sequence[tuple[int, tuple[int, int]]]) -> tuple[int, int]:
    """p50 and p90 until tiles that take turns at the easel are all done, from how many of each there are."""
    low, high = (
        max(
            math.ceil(sum(count * typical[index] for count, typical in painted) / EASEL),
            *(typical[index] for _, typical in painted),
            0,
        )
        for index in (0, 1)
    )
    return low, high


def check_text(text: str) -> None:
    """Raises BadRequestError for a prompt that is too long, or that holds half of a character."""
    if len(text) > MOST_CHARACTERS:
        raise BadRequestError(
            f"The prompt has {len(text)} characters; at most {MOST_CHARACTERS} are taken.", param="text"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequestError(f"Character {error.start + 1} of the prompt is half of a pair; it means nothing alone.",
                              hint="Delete it and type it anew.", param="text") from None  # fmt: skip


def today(clock: Clock) -> str:
    """The day of the ledger: an ISO date in UTC."""
    return datetime.fromtimestamp(clock.now_ms() // 1000, UTC).date().isoformat()


def _prompt_problem(
    prompt: PromptPlan, models: Sequence[str], images: int, total: Cost, limit: int
) -> TriptychError | None:
    if prompt.errors:
        return BadRequestError(prompt.errors[0].message, param="text")
    if not models:
        return BadRequestError("No model is chosen.", hint="Choose at least one.", param="models")
    if prompt.total <= limit and images <= MOST_TILES:
        return None
    count = f"{prompt.total:,}" if prompt.count < COUNT_CEILING else "More than 10^30"
    amount = total.amount_micro_usd
    price = "a price nobody knows" if amount is None else f"about {usd(amount)}" if amount else "free"
    most = f"{limit} prompts" if prompt.total > limit else f"{MOST_TILES} pictures"
    return BadRequestError(
        f"{count} prompts, {images:,} pictures, {price}: at most {most} are started at once.",
        hint="Take out some of the options in braces, or some models.", param="text",
        amount_micro_usd=total.amount_micro_usd,
    )  # fmt: skip


def _impossible_size(names: Names, requests: Mapping[str, Sequence[ImageRequest]]) -> BadRequestError | None:
    """An error when no chosen model makes anything near the pixel size that was asked for."""
    wanted = next((request.size for group in requests.values() for request in group if request.size), None)
    offers: list[str] = []
    for model, group in requests.items():
        for request in group:
            if request.size is None:
                return None
            found = [(card, size_problem(card.capabilities, request.size)) for card in names.served_by(model)]
            if any(problem is None for _, problem in found):
                return None
            offers += [f"{card.name} makes {problem}" for card, problem in found if problem]
    if wanted is None or not offers:
        return None
    return BadRequestError(f"No chosen model makes anything near {wanted}: {'; '.join(dict.fromkeys(offers))}.",
                           hint="Ask for one of these sizes, or for a shape with --ar.", param="size")  # fmt: skip


def _waits(names: Names, shares: Mapping[str, Share]) -> Iterator[PromptNote]:
    """What is waited for before it draws."""
    for model, share in shares.items():
        if share.images and share.wait_s:
            name, wait = names.cards[model].name if model in names.cards else model, math.ceil(share.wait_s)
            yield PromptNote("info", model, f"{name} is cooling down after failures; it is waited for, about {wait} s.")


def _more_notes(names: Names, prompt: PromptPlan, models: Sequence[str], images: int, n: int) -> Iterator[PromptNote]:
    """Notes that need to know the models and pictures."""
    for override in dict.fromkeys(override for spec in prompt.prompts for override in spec.overrides):
        if models and not any(names.meant(override.model, model) for model in models):
            token = f"@{override.model}"
            yield PromptNote("unknown", token, f"No chosen model goes by {token}; {override.name} was not set for any.")
    indices = {reference.index for spec in prompt.prompts for reference in spec.references}
    for index in sorted(index for index in indices if not 1 <= index <= images):
        yield PromptNote("unknown", f"@img{index}", f"There is no picture {index}; {images or 'none'} given.")
    if n * prompt.repeat > 1 and any(isinstance(spec.settings.get("seed"), int) for spec in prompt.prompts):
        yield PromptNote("info", "--seed", "Several pictures of one model take seeds that count up from this one.")
