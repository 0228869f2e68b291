"""One running Triptych: every part made once and handed to the parts that need it."""

import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from triptych.app.attested import open_attested
from triptych.app.audit_ways import open_audits
from triptych.app.audits import Auditor
from triptych.app.caps import CapBook
from triptych.app.credentials import open_credentials
from triptych.app.embedder import ClipEmbedder
from triptych.app.engines import engine_from_settings
from triptych.app.floor import bounded
from triptych.app.health_news import HealthNews
from triptych.app.horde import HordeHouse
from triptych.app.kits import KitDesk, open_kits
from triptych.app.lan import Lan
from triptych.app.local_models import LocalModels
from triptych.app.log_set_up import open_identity
from triptych.app.models import Models
from triptych.app.network import Neighbours
from triptych.app.opengradient import PROVIDER as SEALED
from triptych.app.opengradient import find_tee, sealing
from triptych.app.own_rows import OwnRows
from triptych.app.owners import Owners
from triptych.app.push import PushDesk
from triptych.app.receipts import ReceiptDesk
from triptych.app.sharing import Sharing
from triptych.app.votes import Votes
from triptych.app.weights import Weights
from triptych.app.witness_desk import WitnessDesk, logs_of
from triptych.app.witnessing import Witnessing
from triptych.catalog import load_cards
from triptych.catalog.price import at_most, estimate
from triptych.config.settings import Settings
from triptych.http.client import HttpClient
from triptych.imaging.ocr import Ocr
from triptych.imaging.tools.bench import ToolBench
from triptych.imaging.workshop import Workshop
from triptych.provider_kit.adapter import ImageAdapter
from triptych.providers import ADAPTERS, load_plugins, plugin_cards, row_adapters, row_cards, row_from_settings
from triptych.providers.demo import painters
from triptych.providers.tools import tools
from triptych.router.canonical import digest
from triptych.router.execute import Router
from triptych.router.policy import catalogue_body, find_policy, with_catalogue
from triptych.spec.clock import Clock, SystemClock
from triptych.spec.errors import SettingsError, StorageError, TriptychError
from triptych.spec.model import ModelCard
from triptych.spec.routing import Policy
from triptych.store.base import Bus, Vault
from triptych.store.blobs import open_blobs
from triptych.store.bus import MemoryBus
from triptych.store.records import SqlRecordStore, open_store
from triptych.store.vault import FileVault
from triptych.studio.batches import Batches
from triptych.studio.credentials import Credentials
from triptych.studio.drift import Drift
from triptych.studio.gallery import Gallery
from triptych.studio.grid import Grids
from triptych.studio.grid_out import GridOut
from triptych.studio.headline import Headlines
from triptych.studio.imported import Imports
from triptych.studio.lineage import Lineage
from triptych.studio.outpaint import Outpaint
from triptych.studio.picks import Picks
from triptych.studio.promotion import Promotion
from triptych.studio.recovery import KEYS_KEPT_MS
from triptych.studio.service import Studio
from triptych.studio.tasks import Tasks

log = structlog.get_logger("triptych.app")
KEYS_EVERY_S = 2.0
PRUNE_EVERY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything that lives as long as the process. `session` is the token of pages served by it."""

    settings: Settings
    clock: Clock
    store: SqlRecordStore
    bus: Bus
    vault: Vault
    client: HttpClient
    workshop: Workshop
    credentials: Credentials
    models: Models
    caps: CapBook
    router: Router
    studio: Studio
    batches: Batches
    grids: Grids
    grid_out: GridOut
    drift: Drift
    picks: Picks
    gallery: Gallery
    kits: KitDesk
    headlines: Headlines
    lineage: Lineage
    promotion: Promotion
    tasks: Tasks
    weights: Weights
    embedder: ClipEmbedder
    imports: Imports
    outpaint: Outpaint
    owners: Owners
    receipts: ReceiptDesk
    witness: WitnessDesk
    health_news: HealthNews
    push: PushDesk
    own_rows: OwnRows
    local: LocalModels
    neighbours: Neighbours
    audits: Auditor
    horde: HordeHouse
    sharing: Sharing
    lan: Lan
    session: str

    async def close(self) -> None:
        """Ends what is running in order: tiles first, storage last."""
        await self.sharing.close()
        await self.drift.close()
        await self.audits.close()
        await self.studio.shutdown()
        await self.neighbours.close()
        await self.local.close()
        await self.gallery.close()
        await self.health_news.close()
        await self.receipts.stop()
        await self.witness.close()
        await self.weights.close()
        await self.client.close()
        await self.workshop.close()
        await self.store.close()
        self.owners.close()


async def open_app(settings: Settings, clock: Clock | None = None) -> App:
    """Opens the data folder and puts everything together. Raises StorageError and SettingsError."""
    clock = clock or SystemClock()
    make_folder(settings.data)
    async with AsyncExitStack() as on_failure:
        owners = Owners(settings.data)
        on_failure.callback(owners.close)
        store = await open_store(settings.database_url, clock)
        on_failure.push_async_callback(store.close)
        client = HttpClient(clock)
        identity = await open_identity(settings, store)
        receipts = ReceiptDesk(settings, identity, store, clock, Witnessing(settings.witnesses, client, clock))
        witness = WitnessDesk(settings.data, identity.key.name, logs_of(settings.witness_for), store, clock)
        workshop = Workshop()
        bus = MemoryBus(clock)
        vault = FileVault(settings.data / "keys")
        models = Models(settings=settings, client=client, vault=vault, store=store, clock=clock)
        weights = Weights(settings.data / "models", client, clock)
        add_providers(models, settings, clock, weights)
        own_rows = OwnRows(store, models, client, clock)
        await own_rows.load()
        local = LocalModels(settings.models_folder, models, clock)
        await local.load()
        neighbours = Neighbours(store=store, memory=store.network, models=models, transport=client, vault=vault, clock=clock,
                                hubs=settings.hubs, attested=open_attested(settings, clock))  # fmt: skip
        horde = HordeHouse(store, models, clock, load_cards())
        await neighbours.load()
        await models.load()
        lan = Lan()
        sharing = Sharing(settings=settings, store=store, models=models, client=client, clock=clock, lan=lan, earns=neighbours.purse.account)  # fmt: skip
        await sharing.load()
        caps = CapBook(settings.caps, store)
        await caps.load()
        wanted = find_policy(settings.policy, settings.data)
        policy = await with_models(wanted, models, receipts)
        picks = Picks(store, models, clock, learn=settings.learn_from_picks, publish=Votes(receipts.statements).publish if settings.publish_picks else None)  # fmt: skip
        await picks.load()
        router, health_news = await open_router(policy, models, store, clock, picks, receipts)
        own_rows.changed = neighbours.changed = horde.changed = local.changed = partial(
            decide_anew, router, wanted, models, receipts
        )
        blobs = open_blobs(settings.blobs_location)
        credentials = await open_credentials(settings, blobs, workshop)
        studio = Studio(
            store=store, blobs=blobs, bus=bus, router=router, registry=models,
            workshop=workshop, clock=clock, owner=owners.name, caps=caps.current, price=estimate,
            prompt_limit=settings.max_prompts, deadline_s=settings.deadline_s,
            credentials=credentials,
        )  # fmt: skip
        studio.within = lambda settings: bounded(models.reach, settings, no_training=models.no_training)
        embedder = ClipEmbedder(weights, ToolBench())
        gallery = Gallery(store.gallery, blobs, workshop, embedder, models, clock)
        outpaint = Outpaint(studio.pictures, blobs, workshop)
        audits = await open_audits(neighbours, models, store, studio, bus, workshop, clock, settings.data, caps=caps)
        desk = open_kits(store, studio, outpaint, bus, picks, workshop, credentials, clock)
        headlines = Headlines(studio, workshop, desk.kits, desk.files, Ocr())
        on_failure.pop_all()
    return App(kits=desk, headlines=headlines, gallery=gallery, embedder=embedder, lineage=Lineage(store, store.lineage, store.gallery, models, bus, clock), promotion=Promotion(studio, store, blobs), tasks=Tasks(studio, store), weights=weights, imports=Imports(studio, store, store.imported, blobs, workshop, credentials, bus, clock), outpaint=outpaint, credentials=credentials, settings=settings, clock=clock, store=store, bus=bus, vault=vault, client=client, workshop=workshop,
               models=models, caps=caps, router=router, studio=studio, batches=Batches(studio), grids=Grids(studio, clock), grid_out=GridOut(studio, workshop, clock, store.gallery.alt), drift=Drift(studio, store, store.drift, workshop, clock), picks=picks, owners=owners, receipts=receipts, witness=witness,
               health_news=health_news, push=PushDesk(vault, store, client, bus, clock, settings.push_contact), own_rows=own_rows, local=local, neighbours=neighbours, audits=audits, horde=horde, sharing=sharing, lan=lan, session=secrets.token_urlsafe(24))  # fmt: skip


async def open_router(
    policy: Policy, models: Models, store: SqlRecordStore, clock: Clock, picks: Picks, receipts: ReceiptDesk
) -> tuple[Router, HealthNews]:
    """The router under its rules, with what was known of every endpoint's health, and who publishes what it learns of it."""
    router = Router(models, store, clock, estimate, hold=at_most, policy=policy, taste=picks.taste)
    await router.policies.activate(policy)
    await router.load_health()
    health_news = HealthNews(receipts)
    router.health.publish_to(health_news.publish)
    models.on_change(lambda provider: forget_failures(router, models, provider))
    return router, health_news


async def with_models(policy: Policy, models: Models, receipts: ReceiptDesk) -> Policy:
    """The policy with the catalogue of all models that there are, which is kept for whoever checks its decisions. Raises
    SettingsError when it was written for another one."""
    catalogue = catalogue_body(endpoint.model.card for endpoint in models.endpoints().values())
    made = with_catalogue(policy, digest(catalogue))
    await receipts.statements.keep_catalogue(digest(catalogue), catalogue)
    return made


async def decide_anew(router: Router, policy: Policy, models: Models, receipts: ReceiptDesk) -> None:
    """Activates the policy over the models that there are now. Raises as `with_models` does."""
    await router.policies.activate(await with_models(policy, models, receipts))


async def watch_keys(app: App) -> None:
    """Tries the keys there are, looks for keys, caps and open models of other processes, and forgets old idempotency keys once a day,
    until it is cancelled."""
    prune_ms = app.clock.now_ms() + PRUNE_EVERY_MS  # the start did it
    while True:
        await app.models.try_keys()
        await app.clock.sleep(KEYS_EVERY_S)
        try:
            await app.models.notice()
            await app.local.notice()
            await app.caps.load()
        except TriptychError as error:
            log.warning("keys or caps cannot be read", reason=str(error))
        if app.clock.now_ms() >= prune_ms:
            prune_ms += PRUNE_EVERY_MS
            await forget_answers(app)


async def forget_answers(app: App) -> None:
    """Forgets idempotency keys that are older than they are kept. One in flight is left: its call may go on here."""
    before = app.clock.now_ms() - KEYS_KEPT_MS
    try:
        await app.store.prune_idempotent(before_ms=before, unanswered_before_ms=before)
    except StorageError as error:
        log.warning("old idempotency keys stay", reason=str(error))


def forget_failures(router: Router, models: Models, provider: str) -> None:
    """A new key or consent makes what went wrong before worth another try."""
    for state in models.providers():
        for card in state.cards if state.id == provider else ():
            router.health.forget(card.id)


def make_folder(folder: Path) -> None:
    """The data folder, readable by its owner alone. Raises StorageError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The data folder {folder} cannot be made: {error.strerror}.",
                           hint="Choose another with --data or TRIPTYCH_DATA.") from None  # fmt: skip


def add_providers(models: Models, settings: Settings, clock: Clock, weights: Weights) -> None:
    """Adapters with their cards, rows, the user's own endpoints, plug-ins, painters, tools of this machine. Raises SettingsError for a wrong
    endpoint of the user's; a plug-in that is wrong is left out and reported."""
    cards: dict[str, list[ModelCard]] = {}
    for card in (*load_cards(), *row_cards()):
        cards.setdefault(card.provider, []).append(card)
    plugins, problems = load_plugins()
    for problem in problems:
        log.warning("plug-in left out", reason=str(problem))
    adapters: dict[str, ImageAdapter] = {**ADAPTERS, **row_adapters(), **plugins}
    tee = find_tee(settings.data)
    for name, adapter in adapters.items():
        if (name != SEALED or tee is not None) and (found := cards.get(name) or plugin_cards(adapter)):
            models.add_adapter(adapter, tuple(found), over=sealing(tee) if name == SEALED and tee is not None else None)
    for name, table in settings.endpoints.items():
        if name in adapters or name in cards:
            raise SettingsError(f"[endpoints.{name}] takes the name of a provider that is built in.",
                                hint="Choose another name.", param=name)  # fmt: skip
        if "engine" in table:
            models.add_models(engine_from_settings(name, table, models.client, clock).models)
            continue
        own, own_cards = row_from_settings(name, table)
        models.add_adapter(own, own_cards, base_url=own.base_url)
    unknown = sorted(set(settings.providers) - set(adapters) - set(settings.endpoints) - set(cards))
    if unknown:
        raise SettingsError(f"[providers.{unknown[0]}] names no provider.",
                            hint=f"There are {', '.join(sorted(adapters))}.", param=unknown[0])  # fmt: skip
    own_engines = tuple(card for card in load_cards() if card.provider not in adapters)
    models.add_models((*painters(own_engines, clock), *tools(own_engines, clock, ToolBench(), weights.where)))
