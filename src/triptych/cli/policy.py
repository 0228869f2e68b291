"""`triptych policy`: which rules pick an endpoint, and what other rules would change."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from triptych.app.container import App
from triptych.cli.output import err, json_errors, out, print_json, table
from triptych.cli.session import run_in_app, settings_for
from triptych.router.bundle import policy_id, policy_json
from triptych.router.policy import SHIPPED, find_policy, in_words
from triptych.router.trial import Trial, try_out

app = typer.Typer(no_args_is_help=True, help="The rules by which an endpoint is picked: list, show, check.")
Data = Annotated[Path | None, typer.Option("--data", help="Data folder.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
LOOKED_AT = 1000
SHOWN = 20


@app.command("list")
def list_policies(data: Data = None, as_json: AsJson = False) -> None:
    """Lists the policies that come with Triptych, and says which one is set."""
    with json_errors(as_json):
        chosen = settings_for(data).policy
        if as_json:
            print_json({"policies": [{"name": p.name, "summary": p.summary} for p in SHIPPED.values()], "set": chosen})
            return
        rows = [(Text(p.name, "bold" if p.name == chosen else ""), p.summary) for p in SHIPPED.values()]
        table(("policy", "what it does"), rows)
        out.file.flush()
        err.print(Text(f"Set: {chosen} (the setting `policy` in triptych.toml)."))


@app.command()
def show(
    name: Annotated[
        str | None, typer.Argument(help="A shipped policy or a file.", show_default="the one that is set")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Shows a policy in plain words and as it is published."""
    with json_errors(as_json):
        settings = settings_for(data)
        policy = find_policy(name, Path()) if name else find_policy(settings.policy, settings.data)
        if as_json:
            print_json({"id": policy_id(policy), "words": in_words(policy), "policy": policy_json(policy)})
            return
        for sentence in in_words(policy):
            err.print(Text(sentence))
        out.file.flush()
        print_json(policy_json(policy))


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="A JSON file, or the name of a shipped policy.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Checks a policy, and says what it would have changed in the last 1,000 decisions. Nothing is sent or activated."""

    async def work(application: App) -> Trial:
        decisions = await application.store.recent_decisions(LOOKED_AT)
        names = {decision.snapshot_id for decision in decisions}
        found = {name: body for name in names if (body := await application.store.snapshot(name)) is not None}
        return try_out(policy, decisions, found)

    with json_errors(as_json):
        policy = find_policy(file, Path())
        trial = run_in_app(settings_for(data), work)
        if as_json:
            print_json({"id": policy_id(policy), "words": in_words(policy), **_plain(trial)})
            return
        _say(trial)
        for sentence in in_words(policy):
            err.print(Text(sentence))


def _plain(trial: Trial) -> dict[str, object]:
    return {
        "looked_at": trial.looked_at, "left_out": trial.left_out, "tasteless": trial.tasteless, "changes": list(trial.changes),
        "was": dict(trial.was), "would_be": dict(trial.would_be),
    }  # fmt: skip


def _say(trial: Trial) -> None:
    err.print(Text("The policy is valid.", "green"))
    if trial.left_out:
        err.print(Text(f"{trial.left_out} decisions have no snapshot, from before there were any, and are left out."))
    if not trial.looked_at:
        err.print(Text("There are no decisions yet to try it on."))
        return
    err.print(Text(f"Of the last {trial.looked_at} decisions it would have changed {len(trial.changes)}."))
    if trial.tasteless:
        err.print(Text(f"There is no taste in {trial.tasteless} of {trial.looked_at} snapshots: what this policy would make "
                       "of yours there is not known."))  # fmt: skip
    names = sorted({*trial.was, *trial.would_be}, key=lambda name: (-trial.would_be.get(name, 0), name))
    table(
        ("endpoint", "was first", "would be first"),
        [(name, str(trial.was.get(name, 0)), str(trial.would_be.get(name, 0))) for name in names],
    )
    for change in trial.changes[:SHOWN]:
        why = f" ({change.was}: {change.why})" if change.why else ""
        out.print(Text(f"{change.decision_id} {change.model}: {change.was or '–'} → {change.would_be or '–'}{why}"))
    if len(trial.changes) > SHOWN:
        out.print(Text(f"… and {len(trial.changes) - SHOWN} more; --json has them all."))
