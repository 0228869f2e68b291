"""What cards and adapters say, in other languages than English: one file a language, beside the cards it belongs to."""

from collections.abc import Mapping
from importlib import resources

import msgspec


def told(language: str) -> Mapping[str, str]:
    """Each English sentence with its translation, `{0}`, `{1}` where something is put into it; empty for a language without a file.

    Raises msgspec.DecodeError for a file that is no such table, which only an edit of it can bring about.
    """
    file = resources.files("triptych.catalog") / "lang" / f"{language}.json"
    return msgspec.json.decode(file.read_bytes(), type=dict[str, str]) if file.is_file() else {}
