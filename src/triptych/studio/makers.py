"""Makers of pictures that came from elsewhere, by name. Their endpoints begin with a word that no provider has."""

IMPORTED = "imported/"
"""What the endpoint of an imported tile begins with; the maker follows, e.g. `imported/midjourney`."""
_MAKERS = {
    "midjourney": "Midjourney",
    "webui": "Stable Diffusion web UI",
    "comfyui": "ComfyUI",
    "invokeai": "InvokeAI",
    "triptych": "Triptych elsewhere",
}
UNKNOWN = "Made elsewhere"


def maker_name(source: str | None, signer: str | None = None) -> str:
    """By the program that a file says it is of, else by who signed its content credentials."""
    return _MAKERS.get(source or "", "") or " ".join((signer or "").split())[:60] or UNKNOWN


def is_imported(endpoint: str) -> bool:
    """Whether an endpoint stands for a maker elsewhere."""
    return endpoint.startswith(IMPORTED)


def imported_name(endpoint: str) -> str:
    """A maker's name from its endpoint's, where the tile is not at hand."""
    known = {name.lower().replace(" ", "-"): name for name in (*_MAKERS.values(), UNKNOWN)}
    word = endpoint.removeprefix(IMPORTED)
    return known.get(word, word.replace("-", " ").capitalize())
