"""`triptych serve --share`: shares what draws here, and prints an invite with all that one should know of it."""

import shutil
from dataclasses import dataclass

import msgspec
from rich.text import Text

from triptych.app.container import App
from triptych.app.shared import unshared
from triptych.cli.output import err, out
from triptych.server.qr import qr_text
from triptych.spec.errors import TriptychError

GUEST = "A friend"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareWanted:
    """What was asked for on the command line: for whom the invite is, and the address that it names, where it is not the one found."""

    guest: str = GUEST
    public: str | None = None
    lan: bool = False


async def share(app: App, wanted: ShareWanted) -> None:
    """Begins to share and says so. Where it cannot, it says why, and the studio works all the same."""
    sharing = app.sharing
    chosen = msgspec.structs.replace(sharing.chosen, lan=wanted.lan)
    if wanted.public is not None:
        chosen = msgspec.structs.replace(chosen, public=wanted.public)
    try:
        await sharing.start(chosen)
        link = await sharing.invite(wanted.guest)
    except TriptychError as error:
        err.print(Text.assemble(("Nothing is shared: ", "bold red"), f"{error.message} {error.hint or ''}".strip()))
        return
    out.print(Text(link), soft_wrap=True)
    drawn = qr_text(link)
    if err.is_terminal and len(drawn.partition("\n")[0]) <= shutil.get_terminal_size().columns:
        err.print(Text(drawn))
    for line in told(app, wanted.guest):
        err.print(Text(line))


def told(app: App, guest: str) -> list[str]:
    """What is shared with whom, and who sees what, in a few lines."""
    made = app.sharing.now
    if made is None:
        return []
    names = ", ".join(f"{one.name} (no models of AI)" if one.painters else one.name for one in made.engines)
    paid = unshared(app.models)
    said = [
        f"Shared with {guest}: {names}. Whoever has this link can use it for 30 days; send it to them alone.",
        "They see the pictures that they ask for, and which models are here. They do not see your prompts, your pictures or this page.",
        "You, or whoever looks into the engine, can see what they ask for.",
        f"Open to the outside: {made.listens}, for sealed messages alone.",
        "Ctrl+C closes it until the next time; “Stop sharing” on the page Network takes every invite back as well.",
    ]
    if paid:
        said.insert(1, f"Not shared, because you pay for them: {', '.join(paid)}.")
    return said
