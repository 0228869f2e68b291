"""Writes the pages under docs/reference that are made from the code itself.

`python tools/reference.py` writes them; `--check` says which are out of date and exits with 1.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from triptych.catalog import load_cards
from triptych.catalog.page import providers_page
from triptych.cli.commands import app
from triptych.config.reference import settings_page
from triptych.providers import row_cards
from triptych.server.errors import STATUS
from triptych.spec import errors
from triptych.spec.errors import TriptychError
from triptych.studio.kit_sidecar import json_schema

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def tree(kind: type[TriptychError] = TriptychError) -> Iterator[type[TriptychError]]:
    """Every error of the tree in the module, in the order it is written."""
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from tree(child)


def meanings() -> dict[str, str]:
    """What each error means, out of the drawing at the head of the module."""
    lines = (line.lstrip("│├└─ ").split(maxsplit=1) for line in (errors.__doc__ or "").splitlines())
    return {parts[0]: parts[1] for parts in lines if len(parts) == 2 and parts[0].endswith("Error")}


HUB = (
    ("node_away", "overloaded", "no", "the node never took the message: sending it again, here or elsewhere, is safe"),
    (
        "node_silent",
        "ambiguous",
        "unknown",
        "the node took the message and gave no whole answer: it may have drawn the picture",
    ),
    ("superseded", "rejected", "no", "a younger process with the same key fetches the messages now"),
    ("card_refused", "rejected", "no", "a card or a revocation that does not hold; `param` says why in one word"),
    ("token_refused", "rejected", "no", "a token or an order for tokens that does not hold"),
)
"""What only a hub says, with what its errors in `triptych.hub` have."""


def errors_page() -> str:
    """docs/reference/errors.md."""
    said = meanings()
    rows = [
        f"| `{'moderation_blocked' if e.code == 'blocked' else e.code}` | {STATUS[e.code]} | `{e.failure}` | {e.default_billed} | {said[e.__name__]} |"
        for e in tree()
    ]
    return "\n".join([
        "# Errors", "",
        "Every error of the API is OpenAI's envelope with an extension of ours:", "",
        "```json",
        '{"error": {"message": "size is \'huge\'; it takes `auto` or WIDTHxHEIGHT in pixels, e.g. 1024x1536.",',
        '           "type": "invalid_request_error", "code": "bad_request", "param": "size",',
        '           "triptych": {"provider": null, "class": "rejected", "billed": "no", "amount_micro_usd": null,',
        '                        "retry_after_s": null, "hint": null, "upstream": null, "attempts": []}}}',
        "```", "",
        "`class` says what may be done next (see [how it is built](../concepts/architecture.md)), `billed` is `yes`, `no` or",
        "`unknown` and never guessed, `upstream` keeps the provider's own words. The header `x-should-retry` is `true` only when",
        "sending again cannot cost twice; the `openai` package follows it.", "",
        "| code | HTTP | class | billed, unless the answer says otherwise | what it means |", "|---|---|---|---|---|",
        *rows,
        f"| `lost` | {STATUS['lost']} | `ambiguous` | unknown | under way when the server stopped |",
        f"| `forbidden` | {STATUS['forbidden']} | `rejected` | no | not from this machine, or not from this server's own page |",
        "",
        "A hub answers with these as well:", "",
        "| code | HTTP | class | billed | what it means |", "|---|---|---|---|---|",
        *[f"| `{code}` | {STATUS[code]} | `{of}` | {billed} | {said} |" for code, of, billed, said in HUB],
        "",
        "A provider that refuses *its* key is 424 and not 401: your key to this server is not what is wrong.", "",
        "Clients of [the Gemini API](../guides/api.md#the-gemini-api) get the same as a `google.rpc.Status`: `error.code` is the HTTP status,",
        "`details[0].reason` the code in capitals with `param` and `billed` beside it, and `triptych` as above. Where the wire has no such",
        "status it is the nearest (402 and 424: 400 `FAILED_PRECONDITION`, 413: 400, 502: 503), and 409 `ABORTED` in place of 429 and 5xx where",
        "`billed` is not `no`.", "",
    ])  # fmt: skip


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command with its whole name, in the order of their names; groups that do nothing by themselves are left out. Typer brings its own copy of
    click, so the values are known by what they have and not by their class."""
    children = getattr(command, "commands", None)
    if children is None or getattr(command, "invoke_without_command", False):
        yield path, command
    for name, child in sorted((children or {}).items()):
        yield from commands(child, f"{path} {name}")


def option(parameter: Any) -> str:
    """One option or argument as a line of the table."""
    kind = parameter.param_type_name
    names = ", ".join(f"`{n}`" for n in (*parameter.opts, *parameter.secondary_opts)) if kind == "option" else (
        f"`{(parameter.name or '').upper()}`")  # fmt: skip
    default = getattr(parameter, "show_default", None)
    text = (getattr(parameter, "help", None) or "").replace("|", "\\|")
    if isinstance(default, str):
        text += f" Default: {default}."
    return f"| {names} | {text} |"


def cli_page() -> str:
    """docs/reference/cli.md."""
    parts = ["# Commands", "",
             "`.venv/bin/triptych` after `./run` or `./test` ran once. `./run` passes its arguments to `triptych serve`.",
             "Data goes to standard output and everything else to standard error. With `--json`, standard output is one",
             "JSON value; after a wrong option, model or setting it is the [error object](errors.md) of the API.", ""]  # fmt: skip
    for path, command in commands(typer.main.get_command(app), "triptych"):
        parts += [f"## `{path}`", "", (command.help or "").strip(), "", "| | |", "|---|---|"]
        parts += [option(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
        parts.append("")
    parts += ["## Exit codes", "", "| code | meaning |", "|---|---|", "| 0 | everything worked |", "| 1 | something broke |",
              "| 2 | a wrong option, model, provider or setting; nothing was sent |",
              "| 3 | some pictures came, others did not |", "| 4 | no picture came |",
              "| 5 | a spending cap or `--budget` would be passed; nothing was sent |",
              "| 130 | stopped by Ctrl+C; what is known of the bill is said |", ""]  # fmt: skip
    return "\n".join(parts)


def kit_page() -> str:
    """docs/reference/kit.md."""
    return "\n".join([
        "# The sidecar of a delivered kit", "",
        "`kit.json` lies at the top of every exported key-visual kit, and its schema beside it as `kit.schema.json`.", "",
        "- `files` are what is delivered, each at exactly the size of its format. `signed` is true only where the receipt signs that",
        "  very file; all others are `derived`: cut, resized or converted on the machine that exported them.",
        "- `originals` are the pictures byte for byte as they are kept, which is what their receipts sign. Check one with",
        "  `triptych verify originals/NAME.receipt.jws originals/NAME.png`.",
        "- `left_out` are the formats that were not ready, and why.",
        "- `alt` says in words what a file shows, for whoever cannot see it: as a person wrote it, else the first 120 letters of",
        "  its prompt.",
        "- `sha256` is always of the file as it lies in the archive, content credentials and all.",
        "- Where content credentials are in a derived file, they name the original as the ingredient that it came of.",
        "- With the recipe in the file, it is in a derived one the XMP property `Recipe` in the name space `urn:triptych:recipe:1:`: a JSON text",
        "  with the model, the request without pictures, the seed, and the hash of the original. A file that is the original itself is not",
        "  encoded anew: the same text stands [in a place of its own](../decisions/0028-recipe-in-the-file.md), and taken out again the bytes are",
        "  those that the receipt signs. Where an original takes none, as of a picture made elsewhere, `recipe_in_file` is false.", "",
        "## Schema", "", "```json", json_schema().decode(), "```", "",
    ])  # fmt: skip


def pages() -> dict[str, str]:
    """Every generated page by file name."""
    return {
        "settings.md": settings_page(), "errors.md": errors_page(), "cli.md": cli_page(), "kit.md": kit_page(),
        "providers.md": providers_page((*load_cards(), *row_cards())),
    }  # fmt: skip


def main() -> int:
    """Writes the pages, or compares them with `--check`."""
    stale = 0
    for name, text in pages().items():
        path = REFERENCE / name
        if not path.exists() or path.read_text("utf-8") != text:
            stale += 1
            print(f"{'out of date' if '--check' in sys.argv else 'written'}: docs/reference/{name}")
            if "--check" not in sys.argv:
                path.write_text(text, "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
