"""What can be set, where it may be set, and what is wrong with it when it is wrong.

The file is `triptych.toml` in the data folder. A `TRIPTYCH_…` variable wins over the file, a command's option over both.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

import msgspec
import platformdirs

from triptych.spec.errors import SettingsError
from triptych.spec.secret import Secret
from triptych.tlog.errors import NoteError
from triptych.tlog.note import COSIGNATURE_V1, ED25519, VerifierKey

FILE_NAME = "triptych.toml"
_KEY_SUFFIXES = ("_API_KEY", "_KEY", "_TOKEN")


def _doc(text: str, default: Any) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class CapSettings:
    """Spending caps in US dollars; absent means no cap."""

    run_usd: Decimal | None = _doc("most that one run (one prompt to all its models) may cost", None)
    day_usd: Decimal | None = _doc("most that one day (UTC) may cost", None)
    key_usd: Decimal | None = _doc("most that one API key may cost in all", None)
    project_usd: Decimal | None = _doc("most that one project may cost in all", None)
    named_only: bool | None = _doc(
        "with `key_usd` or `project_usd`: a call of the API that names no key, or no project, is refused; false lets it "
        "pass without that cap; true where left out",
        None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """Changes to a provider that Triptych knows."""

    base_url: str | None = _doc("where the provider is reached instead of its own address", None)
    enabled: bool = _doc("false hides the provider and all its models", True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSettings:
    """Somebody who cosigns the checkpoints of this log."""

    key: str = _doc("its verifier key, as `name+id+key`", "")
    url: str | None = _doc(
        "where it takes checkpoints: `add-checkpoint` is put behind it; without, it follows the log by itself", None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """Everything triptych.toml may hold."""

    host: str = _doc(
        "address to listen on; anything but this machine needs a sign-in and is refused without", "127.0.0.1"
    )
    port: int = _doc("port to listen on; 0 takes a free one", 8700)
    public_port: int | None = _doc(
        "a second port that shows what is public (the log, the policies, usage, the witness) and nothing else", None
    )
    public_host: str = _doc("address of the public port; `0.0.0.0` shows it to everybody who can reach it", "127.0.0.1")
    browser: bool = _doc("open the browser when the server is ready", True)
    database: str | None = _doc(
        "records: `postgresql://…`, or a file as `sqlite:///…`; default: a file in the data folder", None
    )
    blobs: str | None = _doc("pictures: a folder, or `s3://bucket/prefix`; default: a folder in the data folder", None)
    bus: str = _doc("events: `memory`", "memory")
    max_prompts: int = _doc("most prompts that `{a, b}` may make in one run", 40)
    log_level: str = _doc("`debug`, `info`, `warning` or `error`", "info")
    deadline_s: int = _doc(
        "seconds a picture may take, from sending to the last byte; community models have half an hour", 300
    )
    policy: str = _doc(
        "how an endpoint is picked: `cheapest`, `fastest`, `balanced`, `open-first`, or a JSON file (a path from the data folder)",
        "cheapest",
    )
    learn_from_picks: bool = _doc(
        "what was picked side by side says which models are liked, and policies such as `best-for-me` may go by it",
        True,
    )
    publish_picks: bool = _doc(
        "state each pick in the transparency log, for everybody to count: the models shown, which one won, the question, "
        "the kind of task and the day",
        False,
    )
    sample: bool = _doc(
        "let the offline painters draw a sample row when the page is opened and nothing was made yet", True
    )
    content_credentials: bool = _doc(
        "put content credentials (C2PA) into pictures that are downloaded or saved, where the extra `c2pa` is installed",
        True,
    )
    content_credentials_trust: str | None = _doc(
        "certificates (PEM) of signers of content credentials that are believed: a path from the data folder", None
    )
    recipe_in_files: bool = _doc(
        "put the recipe (prompt, settings, seed and model) into pictures that are downloaded or saved, so that dropped back "
        "into the page they bring it along",
        True,
    )
    push_contact: str | None = _doc(
        "an address (`mailto:…` or `https://…`) by which a browser's push service reaches whoever runs this server; some "
        "services want one before they carry notifications",
        None,
    )
    witness_for: tuple[str, ...] = _doc(
        "logs of others whose checkpoints this server cosigns: a list of verifier keys, `name+id+key`; as a variable "
        "with spaces between them",
        (),
    )
    hub_peers: tuple[str, ...] = _doc(
        "for `triptych hub`: other hubs whose nodes it lists too; as a variable with spaces between them", ()
    )
    hubs: tuple[str, ...] = _doc(
        "meeting points of the open network whose nodes are shown: a list of addresses such as `https://hub.example`; none "
        "by default; as a variable with spaces between them",
        (),
    )
    share_port: int = _doc(
        "port on which friends reach what this machine shares with them, while it does; nothing else is behind it", 8750
    )
    share_host: str | None = _doc(
        "address to listen on while something is shared; default: the one that this machine has in its network", None
    )
    share_url: str | None = _doc(
        "the address that invites name, such as `https://mira.example` or `http://203.0.113.7:8750`, where it is another one: behind "
        "a router, a tunnel or a web server with TLS",
        None,
    )
    share_proxies: tuple[str, ...] = _doc(
        "web servers in front of what is shared, where they are on another machine: their addresses or networks, such as `172.17.0.1`; they are believed "
        "on where a call comes from; as a variable with spaces between them",
        (),
    )
    workers: str | None = _doc(
        "address at which workers made for AI Horde join this studio, such as `192.168.1.5:8760`: one of this machine or of a network at "
        "home, because what they are sent is in plain text; none by default",
        None,
    )
    local_models: str | None = _doc(
        "folder with open models as diffusers keeps them, a folder for each; default: `models` in the data folder", None
    )
    trusted_programs: tuple[str, ...] = _doc(
        "programs that nodes may run in protected hardware to be in the lane *attested*: names such as `nitro:` and 64 letters of hex, as "
        "the Network page shows them; as a variable with spaces between them",
        (),
    )
    caps: CapSettings = field(default_factory=CapSettings)
    witnesses: Mapping[str, WitnessSettings] = field(default_factory=dict)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    endpoints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(FileSettings):
    """The file, the environment and the command line together. `keys` are provider keys found in the environment by
    the variable's name; they are secrets and never printed."""

    data: Path
    keys: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'triptych.db'}"

    @property
    def models_folder(self) -> Path:
        return Path(self.local_models).expanduser() if self.local_models else self.data / "models"

    @property
    def blobs_location(self) -> str:
        return self.blobs or str(self.data / "pictures")


def load(overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Reads everything once. Raises SettingsError naming the file or variable, the field and what it takes."""
    env = os.environ if environ is None else environ
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    data = Path(given.pop("data", None) or env.get("TRIPTYCH_DATA") or platformdirs.user_data_path("triptych", False))
    raw = _read_file(data / FILE_NAME)
    _merge_environment(raw, env)
    raw.update(given)
    settings = _convert(raw, data)
    keys = {name: Secret(value.strip()) for name, value in env.items()
            if name.endswith(_KEY_SUFFIXES) and value.strip() and not name.startswith("TRIPTYCH_")}  # fmt: skip
    values = {name: getattr(settings, name) for name in get_type_hints(FileSettings)}
    checked = Settings(**values, data=data.expanduser().absolute(), keys=keys)
    _check(checked)
    return checked


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):  # the latter is said when the folder is opened
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} is not valid TOML: {error}.", hint="Correct the line, or move the file away."
        ) from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", hint="Check the file's permissions.") from None


def _merge_environment(raw: dict[str, Any], env: Mapping[str, str]) -> None:
    for name in get_type_hints(FileSettings):
        if name in {"caps", "providers", "endpoints", "witnesses"}:
            continue
        if (value := env.get(f"TRIPTYCH_{name.upper()}")) is not None:
            raw[name] = (
                value.split()
                if name in {"trusted_programs", "witness_for", "hubs", "hub_peers", "share_proxies"}
                else value
            )
    for name in get_type_hints(CapSettings):
        if (value := env.get(f"TRIPTYCH_CAP_{name.upper()}")) is not None:
            raw.setdefault("caps", {})[name] = value
    for variable, value in env.items():
        if variable.startswith("TRIPTYCH_") and variable.endswith("_BASE_URL"):
            provider = variable.removeprefix("TRIPTYCH_").removesuffix("_BASE_URL").lower()
            raw.setdefault("providers", {}).setdefault(provider, {})["base_url"] = value


def _convert(raw: Mapping[str, Any], data: Path) -> FileSettings:
    unknown = sorted(set(raw) - set(get_type_hints(FileSettings)))
    if unknown:
        raise SettingsError(
            f"{data / FILE_NAME}: {unknown[0]!r} is not a setting.",
            hint=f"Known settings: {', '.join(get_type_hints(FileSettings))}.", param=unknown[0],
        )  # fmt: skip
    try:
        settings = msgspec.convert(raw, FileSettings, strict=False)
    except (msgspec.ValidationError, InvalidOperation) as error:
        raise SettingsError(
            f"A setting is wrong: {error}.", hint=f"See {data / FILE_NAME} and the TRIPTYCH_ variables."
        ) from None
    for table, known in (
        ("caps", CapSettings),
        *((f"providers.{name}", ProviderSettings) for name in settings.providers),
        *((f"witnesses.{name}", WitnessSettings) for name in settings.witnesses),
    ):
        value: Any = raw
        for part in table.split("."):
            value = value.get(part, {})
        if extra := sorted(set(value) - set(get_type_hints(known))):
            raise SettingsError(f"[{table}] has no setting {extra[0]!r}.",
                                hint=f"It takes: {', '.join(get_type_hints(known))}.", param=extra[0])  # fmt: skip
    return settings


def _check_keys(settings: Settings) -> None:
    """The keys of witnesses and logs. Raises SettingsError."""
    keys = [("witness_for", key, ED25519) for key in settings.witness_for]
    keys += [(f"witnesses.{name}.key", one.key, COSIGNATURE_V1) for name, one in settings.witnesses.items()]
    for name, text, algorithm in keys:
        try:
            key = VerifierKey.parse(text)
        except NoteError as error:
            raise SettingsError(f"{name} is no verifier key: {error}", param=name) from None
        if key.algorithm != algorithm:
            raise SettingsError(f"{name} is a key of another kind: a log's begins with AQ, a witness's with BA.",
                                param=name)  # fmt: skip
    for name, one in settings.witnesses.items():
        if one.url is not None and urlsplit(one.url).scheme not in {"http", "https"}:
            raise SettingsError(
                f"witnesses.{name}.url is {one.url!r}; it must start with http:// or https://.", param="url"
            )


def _check(settings: Settings) -> None:
    _check_keys(settings)
    for name, port in (("port", settings.port), ("share_port", settings.share_port)):
        if not 0 <= port <= 65535:
            raise SettingsError(f"{name} is {port}; it takes 0 to 65535.", param=name)
    if settings.bus != "memory":
        raise SettingsError(f"bus is {settings.bus!r}; it takes `memory`.", param="bus")
    if settings.max_prompts < 1:
        raise SettingsError("max_prompts must be at least 1.", param="max_prompts")
    if settings.deadline_s < 1:
        raise SettingsError("deadline_s must be at least 1.", param="deadline_s")
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise SettingsError(
            f"log_level is {settings.log_level!r}; it takes debug, info, warning or error.", param="log_level"
        )
    for name in get_type_hints(CapSettings):
        cap = getattr(settings.caps, name)
        if isinstance(cap, Decimal) and cap < 0:
            raise SettingsError(f"caps.{name} is below zero.", param=name)
    _check_addresses(settings)


def _check_addresses(settings: Settings) -> None:
    """Addresses of hubs, of providers and of whoever runs this server. Raises SettingsError."""
    for name, hubs in (("hubs", settings.hubs), ("hub_peers", settings.hub_peers)):
        for hub in hubs:
            if urlsplit(hub).scheme not in {"http", "https"}:
                raise SettingsError(f"{name} has {hub!r}; each must start with http:// or https://.", param=name)
    if settings.push_contact is not None and not settings.push_contact.startswith(("mailto:", "https://")):
        raise SettingsError(f"push_contact is {settings.push_contact!r}; it must start with mailto: or https://.",
                            param="push_contact")  # fmt: skip
    for name, provider in settings.providers.items():
        if provider.base_url is not None and urlsplit(provider.base_url).scheme not in {"http", "https"}:
            raise SettingsError(f"providers.{name}.base_url is {provider.base_url!r}; it must start with http:// or https://.",
                                param="base_url")  # fmt: skip
