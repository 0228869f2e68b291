"""Which models there are and which of them can be used now: adapters, cards, keys and consents put together."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from urllib.parse import urlsplit

from triptych.app.floor import NO_TRAINING, SETTING, Reach, barred, learnt_from, read_reach
from triptych.app.watched import Watched
from triptych.config.settings import Settings
from triptych.http.client import HttpClient
from triptych.http.transport import Transport
from triptych.provider_kit.adapter import ImageAdapter
from triptych.provider_kit.driver import HttpImageModel
from triptych.router.registry import Endpoint
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, BillingError, ModelUnavailableError, NotFoundError, NotSentError
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import ImageModel, KeyCheck, ModelCard, TellsModels
from triptych.spec.secret import Secret
from triptych.store.base import RecordStore, Vault

CONSENT = "consent:"
MAX_KEY_CHARS = 4096
TRY_S = 5.0  # for each key that is tried by itself
UNVERIFIED = "unverified"  # the code of a check for which a provider has no free call
IN_THE_WAY = frozenset({BillingError.code, ModelUnavailableError.code})
"""What a provider says of a key that it knows: there is no money on it, or it does not serve this account or region."""
_SWITCHED = frozenset({"disabled", "off", "floor", "training"})
_WORKS = "The key works."  # what adapters say of a key that was accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderState:
    """One provider as it stands: where its key comes from, what the last check said, what the user agreed to."""

    id: str
    name: str
    cards: tuple[ModelCard, ...]
    adapter: ImageAdapter | None = None
    base_url: str | None = None
    enabled: bool = True
    key: Secret | None = None
    key_source: str | None = None  # "vault", "environment"
    check: KeyCheck | None = None
    proven: bool = False  # this key was accepted, by a check or by a picture
    consent: bool = False
    own: bool = False  # added on the Models page, where it can be taken out again
    consent_of: str = ""  # whose switch counts here, where many providers share one; empty for its own
    away: str | None = None  # why it cannot be reached now
    newcomers: Mapping[str, str] = field(
        default_factory=dict
    )  # by model, whose it is, where that owner is on probation

    @property
    def needs_key(self) -> bool:
        return self.adapter is not None and self.adapter.auth.required and self.adapter.auth.anonymous is None

    @property
    def needs_consent(self) -> bool:
        """A community lane reads the prompt, so it is never on by itself."""
        return any(card.lane == "community" for card in self.cards)

    @property
    def refused(self) -> bool:
        return self.check is not None and not self.check.ok and self.check.code == "auth"

    @property
    def untested(self) -> bool:
        """A key that nobody has seen work yet. It is used all the same."""
        return self.key is not None and not self.proven and not self.refused

    def caution(self) -> tuple[str, str] | None:
        """What to know of a provider that can be used, as (code, sentence); None when there is nothing."""
        if not self.untested or self.trouble() is not None:
            return None
        if self.check is not None and self.check.code in IN_THE_WAY:
            return self.check.code or "", self.check.message
        why = "" if self.check is None else f": {why_not(self.check)}"
        return "untested", f"The key has not been tested yet{why}; it is tried with the first picture."

    def trouble(self) -> tuple[str, str] | None:
        """Why it cannot be used now, as (code, sentence); None when it can."""
        if not self.enabled:
            return "disabled", f"{self.name} is switched off in the settings."
        if self.away is not None:
            return "away", self.away
        if self.needs_consent and not self.consent:
            return "off", f"{self.name} is off until you switch it on on the Models page."
        if self.needs_key and self.key is None:
            way = f"Paste it on the Models page, or run `triptych keys set {self.id}`."
            return "no_key", f"No key for {self.name} yet. {way}"
        if self.refused:
            return "key_refused", f"{self.name} does not accept the key. Check it on the Models page."
        return None


class Models:
    """Everything that can be asked for pictures, kept up to date as keys and consents change."""

    def __init__(
        self, *, settings: Settings, client: HttpClient, vault: Vault, store: RecordStore, clock: Clock
    ) -> None:
        self._settings = settings
        self._client = client
        self._vault = vault
        self._store = store
        self._clock = clock
        self._listeners: list[Callable[[str], None]] = []
        self._providers: dict[str, ProviderState] = {}
        self._models: dict[str, ImageModel] = {}
        self._http: dict[str, HttpImageModel] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._stamp = 0
        self.reach: Reach = "anywhere"
        self.no_training = False
        self.moved: Mapping[str, JsonObject] = {}  # by endpoint, what the drift watch says of it

    @property
    def today(self) -> date:
        """The day, in UTC, against which the ends of models are held."""
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()

    def add_adapter(
        self, adapter: ImageAdapter, cards: tuple[ModelCard, ...], *, base_url: str | None = None, own: bool = False,
        over: Callable[[Transport], Transport] | None = None,
    ) -> None:  # fmt: skip
        """A provider that is reached over HTTP, with its cards. `base_url` is an address the user wrote; `own` one that
        was added on the page; `over` gives the transport that it is reached by, where that is not the plain one."""
        client = self._client if over is None else over(self._client)
        changed = self._settings.providers.get(adapter.provider)
        state = ProviderState(
            id=adapter.provider, name=provider_name(cards, adapter.provider), cards=cards, adapter=adapter, own=own,
            base_url=full_address(changed.base_url, adapter.base_url) if changed and changed.base_url else base_url, enabled=changed.enabled if changed else True,
        )  # fmt: skip
        self._providers[adapter.provider] = state
        for card in cards:
            model = HttpImageModel(card, adapter, client, partial(self.credential, adapter.provider), self._clock,
                                   base_url=state.base_url)  # fmt: skip
            self._http[card.id] = model
            self._models[card.id] = Watched(model, partial(self._key_of, adapter.provider), self._worked)

    @property
    def client(self) -> HttpClient:
        """What providers are reached by."""
        return self._client

    def add_models(self, models: tuple[ImageModel, ...]) -> None:
        """Models that need no adapter: painters, local engines."""
        for model in models:
            card = model.card
            known = self._providers.get(card.provider)
            cards = (*(known.cards if known else ()), card)
            own = self._settings.providers.get(card.provider)
            self._providers[card.provider] = ProviderState(
                id=card.provider,
                name=provider_name(cards, card.provider),
                cards=cards,
                enabled=own.enabled if own else True,
            )
            self._models[card.id] = model

    async def take_in(self, adapter: ImageAdapter, cards: tuple[ModelCard, ...]) -> None:
        """Adds an own provider while the server works, in the place of one of the same id, and tells of it."""
        self._drop(adapter.provider)
        self.add_adapter(adapter, cards, base_url=adapter.base_url, own=True)
        await self._reload(adapter.provider)
        self._note(adapter.provider, None)

    async def take_in_models(self, state: ProviderState, models: tuple[ImageModel, ...]) -> bool:
        """Adds a provider that needs no adapter while the server works, in the place of one of the same id; tells of it where
        something is different now. Returns whether there are other cards than before."""
        before = self._providers.get(state.id)
        self._drop(state.id)
        self._providers[state.id] = state
        self._models |= {model.card.id: model for model in models}
        await self._reload(state.id)
        same = before is not None and before.cards == state.cards
        if not same or before != self._providers[state.id]:
            self._tell(state.id)
        else:
            self._refresh()
        return not same

    def leave_out(self, provider: str) -> None:
        """Removes a provider that `take_in_models` added, and tells of it. Pictures that it is making are waited for."""
        if provider in self._providers:
            self._drop(provider)
            self._tell(provider)

    def take_out(self, provider: str) -> None:
        """Removes an own provider and tells of it. Pictures that it is making are waited for. Raises NotFoundError,
        BadRequestError for one that was not added on the page."""
        if not self.provider(provider).own:
            raise BadRequestError(f"{provider} was not added here.", hint="Take it out of triptych.toml.", param="name")
        self._drop(provider)
        self._tell(provider)

    def _drop(self, provider: str) -> None:
        gone = self._providers.pop(provider, None)
        for card in gone.cards if gone else ():
            self._http.pop(card.id, None)
            self._models.pop(card.id)

    async def load(self) -> None:
        """Reads keys and consents. Called once before anything is asked."""
        self._stamp = await self._vault.stamp()
        self.reach = read_reach(await self._store.get_setting(SETTING) or "anywhere")
        self.no_training = bool(await self._store.get_setting(NO_TRAINING))
        for provider in tuple(self._providers):
            await self._reload(provider)
        self._refresh()

    async def notice(self) -> None:
        """Takes over keys that another process kept or removed, e.g. `triptych keys set` beside a server."""
        stamp = await self._vault.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        for provider, before in tuple(self._providers.items()):
            await self._reload(provider)
            if self._providers[provider].key != before.key:
                self._note(provider, None)

    async def _reload(self, provider: str) -> None:
        state = self._providers[provider]
        consent = bool(await self._store.get_setting(CONSENT + (state.consent_of or provider)))
        key, source = None, None
        if state.adapter is not None:
            if (kept := await self._vault.get(provider)) is not None:
                key, source = Secret(kept), "vault"
            else:
                found = next((self._settings.keys[n] for n in state.adapter.auth.env if n in self._settings.keys), None)
                key, source = found, "environment" if found else None
        same = key == state.key
        self._providers[provider] = replace(state, key=key, key_source=source, consent=consent,
                                            proven=same and state.proven, check=state.check if same else None)  # fmt: skip

    def _refresh(self) -> None:
        endpoints = {}
        for state in self._providers.values():
            for card in state.cards:
                trouble = self.trouble(state, card)
                endpoints[card.id] = Endpoint(
                    model=self._models[card.id],
                    ready=trouble is None or trouble[0] in _SWITCHED,
                    enabled=trouble is None or trouble[0] not in _SWITCHED,
                    reason=trouble[1] if trouble else None,
                    reason_code=trouble[0] if trouble else None,
                    newcomer=state.newcomers.get(card.id, ""),
                )
        self._endpoints = endpoints

    def trouble(self, state: ProviderState, card: ModelCard) -> tuple[str, str] | None:
        """Why one of a provider's models cannot be used now, as (code, sentence); None when it can."""
        learnt = learnt_from(card) if self.no_training else None
        return barred(self.reach, card.lane, card.name) or learnt or state.trouble()

    async def set_reach(self, reach: Reach) -> None:
        """How far prompts may go from now on; what is under way goes on. Raises StorageError."""
        await self._store.put_setting(SETTING, reach)
        self.reach = reach
        self._tell("")

    async def set_no_training(self, *, on: bool) -> None:
        """Whether only models are asked from now on whose cards say that nobody learns from what is sent. Raises StorageError."""
        await self._store.put_setting(NO_TRAINING, on)
        self.no_training = on
        self._tell("")

    # What the router and the studio ask.

    def endpoints(self) -> Mapping[str, Endpoint]:
        """Every endpoint by its id, `provider/model`."""
        return self._endpoints

    async def credential(self, provider: str) -> Secret | None:
        """The key to use now: one kept here before one from the environment before a public one."""
        state = self._providers.get(provider)
        if state is None:  # taken out while it worked
            return None
        if state.key is None and state.adapter is not None and state.adapter.auth.anonymous is not None:
            return Secret(state.adapter.auth.anonymous)
        return state.key

    # What the Models page and the command line ask.

    def providers(self) -> tuple[ProviderState, ...]:
        return tuple(self._providers.values())

    def provider(self, name: str) -> ProviderState:
        """Raises NotFoundError with the names there are."""
        if name not in self._providers:
            raise NotFoundError(f"No provider is named {name!r}.", hint=f"There are {', '.join(sorted(self._providers))}.",
                                param="provider")  # fmt: skip
        return self._providers[name]

    async def set_key(self, provider: str, value: str, *, keep: bool = False) -> KeyCheck:
        """Tries a key with a call that costs nothing and keeps it when it works, or in any case with `keep`.

        A key that could not be tried (no network, no free call), or behind which there is no money, is kept, and the
        answer says why. Raises BadRequestError for a value that cannot be a key.
        """
        state = self.provider(provider)
        value = value.strip()
        if state.adapter is None:
            raise BadRequestError(f"{state.name} needs no key.", param="key")
        if not value or len(value) > MAX_KEY_CHARS or not value.isascii() or not value.isprintable() or " " in value:
            raise BadRequestError("That is not a key: it must be one line of printable characters without spaces.",
                                  hint="Paste the key alone.", param="key")  # fmt: skip
        check = await self._tried(state, Secret(value))
        if check.code == "auth" and not check.ok and not keep:
            return check
        await self._vault.put(provider, value)
        await self._reload(provider)
        self._note(provider, check)
        if check.ok or check.code == "auth":
            return check
        if check.code in IN_THE_WAY:
            return replace(check, message=f"Kept. {check.message}")
        message = f"Kept. It could not be tried: {why_not(check)}. It will be tried with the first picture."
        return replace(check, message=message)

    async def _tried(self, state: ProviderState, key: Secret) -> KeyCheck:
        """Tries a key before it is kept: calls under way go on with the one they have."""

        async def on_trial() -> Secret:
            return key

        return named(state, await replace(self._http[state.cards[0].id], credential=on_trial).check())

    async def try_keys(self) -> None:
        """Tries every key that nobody has tried yet, all at once, with calls that cost nothing."""
        waiting = [s for s in self._providers.values() if s.untested and s.check is None and s.trouble() is None]
        await asyncio.gather(*(self._try_quickly(state) for state in waiting))

    async def _try_quickly(self, state: ProviderState) -> None:
        try:
            async with asyncio.timeout(TRY_S):
                check = named(state, await self._models[state.cards[0].id].check())
        except TimeoutError:
            check = KeyCheck(ok=False, message=f"{state.name} did not answer in time.", code="timeout")
        if self._key_of(state.id) == state.key and not self._providers[state.id].proven:
            self._note(state.id, check)

    def _key_of(self, provider: str) -> Secret | None:
        return state.key if (state := self._providers.get(provider)) is not None else None

    def _worked(self, provider: str, key: Secret | None) -> None:
        """A picture came with this key."""
        if provider in self._providers and self._providers[provider].untested and self._key_of(provider) == key:
            self._note(provider, None, proven=True)

    async def remove_key(self, provider: str) -> bool:
        """Forgets a kept key. One from the environment stays. True when there was one."""
        self.provider(provider)
        removed = await self._vault.remove(provider)
        await self._reload(provider)
        self._note(provider, None)
        return removed

    async def check(self, provider: str) -> KeyCheck:
        """Tries the provider again with a call that costs nothing."""
        state = self.provider(provider)
        check = named(state, await self._models[state.cards[0].id].check())
        if provider in self._providers and self._key_of(provider) == state.key:
            self._note(provider, check)
        return check

    async def listed(self, provider: str) -> KeyCheck | None:
        """Which models the provider says it has, in `detail.models`, or in `detail.there` whether it has each one, by id, where it tells of
        one at a time; None where it tells nothing. The first answer that fails is that of all."""
        state, there, told = self.provider(provider), dict[str, Json](), None
        for card in state.cards:
            asked = self._models[card.id]
            told = await asked.list_models() if isinstance(asked, TellsModels) else None
            if told is None or not told.ok or "there" not in told.detail:
                return named(state, told) if told else None
            there[card.id] = told.detail["there"]
        return replace(told, detail={"there": there}) if told else None

    async def set_consent(self, provider: str, given: bool) -> None:  # noqa: FBT001 - the value is the point
        """Switches a community lane on or off."""
        if not self.provider(provider).needs_consent:
            raise BadRequestError(f"{provider} has no switch.", param="given")
        await self.set_shared_consent(self._providers[provider].consent_of or provider, given=given)

    async def set_shared_consent(self, switch: str, *, given: bool) -> None:
        """The same for all providers that share a switch, also those that are still to come."""
        await self._store.put_setting(CONSENT + switch, given)
        for state in tuple(self._providers.values()):
            if switch in {state.id, state.consent_of}:
                await self._reload(state.id)
                self._note(state.id, self._providers[state.id].check)

    def _note(self, provider: str, check: KeyCheck | None, *, proven: bool = False) -> None:
        state = self._providers[provider]
        proven = proven or state.proven if check is None else check.ok or (state.proven and check.code != "auth")
        self._providers[provider] = replace(state, check=check, proven=proven and state.key is not None)
        self._tell(provider)

    def _tell(self, provider: str) -> None:
        self._refresh()
        for told in self._listeners:
            told(provider)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Calls `listener` with a provider's id whenever its key, consent or check changed what can be used."""
        self._listeners.append(listener)

    def recognise(self, value: str) -> tuple[str, ...]:
        """The providers whose keys look like this one."""
        return tuple(
            state.id
            for state in self._providers.values()
            if state.adapter is not None
            and state.adapter.auth.key_pattern is not None
            and re.match(state.adapter.auth.key_pattern, value.strip())
        )


def named(state: ProviderState, check: KeyCheck) -> KeyCheck:
    """A check whose message names the provider, and that is no success where nothing was tried."""
    if check.code == UNVERIFIED:
        return replace(check, ok=False)
    return replace(check, message=f"{state.name} accepts the key.") if check.message == _WORKS else check


def why_not(check: KeyCheck) -> str:
    """Why a key could not be tried, to be set after a colon."""
    known = {NotSentError.code: "no connection", UNVERIFIED: "this provider has no call for it that costs nothing"}
    return known.get(check.code or "", check.message.rstrip("."))


def full_address(own: str, default: str) -> str:
    """The user's address for a provider. One without any path gets the path of the provider's own, e.g. `/v1beta`, so
    that `http://127.0.0.1:9100` is enough."""
    return own if urlsplit(own).path else own + urlsplit(default).path


def provider_name(cards: tuple[ModelCard, ...], provider: str) -> str:
    """The name to show for a provider, as its cards give it."""
    return next((card.provider_name for card in cards if card.provider_name), provider)
