"""`triptych keys`: provider keys, typed at a prompt or piped in, never given as an argument; and the key of an owner of nodes."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from triptych.app.container import App
from triptych.app.models import ProviderState
from triptych.cli import owner
from triptych.cli.output import Exit, err, json_errors, print_json, table
from triptych.cli.session import run_in_app, settings_for
from triptych.spec.errors import AuthError, BadRequestError
from triptych.spec.model import KeyCheck

app = typer.Typer(no_args_is_help=True, help="Provider keys: set, list, test, remove. `owner` is about nodes.")
app.add_typer(owner.app, name="owner")
Data = Annotated[Path | None, typer.Option("--data", help="Data folder.", show_default=False)]
Name = Annotated[str, typer.Argument(help="Provider, e.g. google, or the usual variable, e.g. GEMINI_API_KEY.")]


def find(application: App, name: str) -> ProviderState:
    """A provider by its name or by one of its variables. Raises NotFoundError."""
    for state in application.models.providers():
        if state.adapter is not None and name.upper() in state.adapter.auth.env:
            return state
    return application.models.provider(name.lower())


def report(state: ProviderState, check: KeyCheck) -> Exit:
    """Says what a check brought."""
    text = check.message if state.name in check.message else f"{state.name}: {check.message}"
    err.print(Text(text, "green" if check.ok else "red" if check.code == AuthError.code else "yellow"))
    return Exit.OK if check.ok else Exit.ERROR


def ask(state: ProviderState) -> str:
    """The key as typed, unseen, or the first line of what is piped in. Raises BadRequestError when nothing came."""
    value = (
        typer.prompt(f"Key for {state.name}", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    )
    if not value.strip():
        raise BadRequestError("No key came in.", hint=f"Type it at the prompt of `triptych keys set {state.id}`, or pipe it in.",
                              param="key")  # fmt: skip
    return str(value)


@app.command("set")
def set_key(
    name: Name,
    data: Data = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep it even if it is refused.")] = False,
    given: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> None:
    """Asks for a key, tries it with a call that costs nothing, and keeps it encrypted. A key can also be piped in."""
    if given:
        raise BadRequestError(
            "A key is never given as an argument: your shell keeps it in its history, and everybody on this machine can "
            "see the arguments of a program.",
            hint=f"Take it out of the history, then run `triptych keys set {name}` and paste it at the prompt.",
            param="key",
        )

    async def work(application: App) -> Exit:
        state = find(application, name)
        if state.adapter is None:
            raise BadRequestError(f"{state.name} needs no key.", param="name")
        check = await application.models.set_key(state.id, ask(state), keep=keep)
        kept = application.models.provider(state.id).key_source == "vault"
        code = report(state, check)
        if not kept:
            err.print("It was not kept. Copy it again from the provider's page, or add --keep.")
        return Exit.OK if kept and keep else code

    raise typer.Exit(run_in_app(settings_for(data), work))


@app.command("list")
def list_keys(
    data: Data = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False
) -> None:
    """Shows which providers have a key and where it comes from. Never the key."""

    async def work(application: App) -> None:
        rows = [
            {
                "provider": state.id,
                "key": state.key.hint() if state.key else "none" if state.needs_key else "not needed",
                "from": state.key_source,
                "variables": list(state.adapter.auth.env) if state.adapter else [],
            }
            for state in application.models.providers()
        ]
        if as_json:
            print_json({"keys": rows})
            return
        table(
            ("provider", "key", "from", "variables"),
            [(str(r["provider"]), str(r["key"]), str(r["from"] or ""), " ".join(r["variables"] or ())) for r in rows],
        )

    with json_errors(as_json):
        run_in_app(settings_for(data), work)


@app.command("test")
def try_key(name: Name, data: Data = None) -> None:
    """Tries a provider's key with a call that costs nothing."""

    async def work(application: App) -> Exit:
        state = find(application, name)
        if state.needs_key and state.key is None:
            err.print(f"{state.name}: no key yet. Run `triptych keys set {state.id}`, or paste it on the Models page.")
            return Exit.ERROR
        return report(state, await application.models.check(state.id))

    raise typer.Exit(run_in_app(settings_for(data), work))


@app.command("remove")
def remove_key(name: Name, data: Data = None) -> None:
    """Forgets a kept key. One in the environment stays."""

    async def work(application: App) -> Exit:
        state = find(application, name)
        removed = await application.models.remove_key(state.id)
        err.print(f"{state.name}: {'key removed' if removed else 'no key was kept here'}.")
        if application.models.provider(state.id).key_source == "environment":
            err.print("A key in the environment is still used.")
        return Exit.OK if removed else Exit.ERROR

    raise typer.Exit(run_in_app(settings_for(data), work))
