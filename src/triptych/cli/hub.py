"""`triptych hub`, as the help and the other commands show it; `alone` reads the same options without what they load."""

from pathlib import Path
from typing import Annotated

import typer

from triptych.cli.hub_process import HELP, HOST, PORT, HubWanted, run_hub
from triptych.network.stamp import BITS, MAX_BITS


def hub(
    public: Annotated[str, typer.Option("--public", help=HELP["public"])],
    host: Annotated[str, typer.Option(help=HELP["host"])] = HOST,
    port: Annotated[int, typer.Option(help=HELP["port"])] = PORT,
    proxy: Annotated[list[str] | None, typer.Option(help=HELP["proxy"])] = None,
    peer: Annotated[list[str] | None, typer.Option(help=HELP["peer"])] = None,
    stamp_bits: Annotated[int, typer.Option(min=1, max=MAX_BITS, help=HELP["stamp_bits"])] = BITS,
    data: Annotated[Path | None, typer.Option(help=HELP["data"], show_default="the platform's own")] = None,
) -> None:
    """Runs a hub until it is stopped: it lists nodes and carries what is sealed for them. It cannot read any of it."""
    run_hub(
        HubWanted(
            public=public,
            host=host,
            port=port,
            proxies=proxy or (),
            peers=peer or (),
            stamp_bits=stamp_bits,
            data=data,
        )
    )
