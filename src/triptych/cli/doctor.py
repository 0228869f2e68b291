"""`triptych doctor`: is everything there that is needed, and if not, what to do."""

import asyncio
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from triptych import __version__
from triptych.app.container import App
from triptych.app.models import ProviderState
from triptych.cli.output import Exit, out, print_json
from triptych.cli.session import run_in_app, settings_for
from triptych.config.settings import FILE_NAME, Settings
from triptych.spec.errors import TriptychError

LOW_DISK = 1 << 30  # bytes: some hundred pictures
Finding = tuple[str, bool, str]


def machine(settings: Settings) -> Iterator[Finding]:
    """What can be said without opening anything."""
    yield "Triptych", True, f"{__version__}, Python {platform.python_version()} at {sys.executable}"
    file = settings.data / FILE_NAME
    yield "settings", True, f"{file}{'' if file.exists() else ' (none yet; the defaults hold)'}"
    place = next(p for p in (settings.data, *settings.data.parents) if p.is_dir())
    free = shutil.disk_usage(place).free
    yield "disk", free > LOW_DISK, f"{free / (1 << 30):.1f} GiB free for {settings.data}"


async def inside(application: App) -> list[Finding]:
    """What can be said of the opened application."""
    settings = application.settings
    shown = "PostgreSQL" if settings.database_url.startswith("postgres") else settings.database_url
    found: list[Finding] = [("records", True, shown), ("pictures", True, settings.blobs_location)]
    found.append(("content credentials", True, content_credentials(application)))
    states = application.models.providers()
    waiting = sorted(state.id for state in states if state.needs_key and state.key is None)
    there = [state for state in states if state.id not in waiting]
    found += await asyncio.gather(*(provider(application, state) for state in there))
    if waiting:
        found.append(("no key for", True, ", ".join(waiting)))
    return found


def content_credentials(application: App) -> str:
    """Whether downloaded and saved pictures get them."""
    credentials = application.credentials
    if not credentials.on:
        return "off, by content_credentials"
    return "on" if credentials.installed() else 'not there: install the extra "c2pa" (c2pa-python)'


async def provider(application: App, state: ProviderState) -> Finding:
    """One provider that is tried, or the reason why it is not."""
    trouble = state.trouble()
    if trouble is not None:
        return state.id, trouble[0] in {"off", "disabled"}, trouble[1]
    check = await application.models.check(state.id)
    return state.id, check.ok, check.message


def show(finding: Finding) -> None:
    """One line of the report."""
    name, fine, text = finding
    out.print(Text.assemble(("ok   " if fine else "look ", "green" if fine else "yellow"), f"{name}: ", text))


def doctor(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Looks at the machine, the data folder and every provider that has a key. Costs nothing."""
    findings: list[Finding] = []
    try:
        settings = settings_for(data)
        findings += machine(settings)
        findings += run_in_app(settings, inside)
    except TriptychError as error:
        findings.append(("opening", False, str(error)))
    if as_json:
        print_json({"findings": [{"name": name, "ok": fine, "text": text} for name, fine, text in findings]})
    else:
        for finding in findings:
            show(finding)
    raise typer.Exit(Exit.OK if all(fine for _, fine, _ in findings) else Exit.ERROR)
