"""How the files of a kit are named: from a template, for every system, without two of one name."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triptych.spec.errors import BadRequestError

TEMPLATE = "{project}_{format}_{width}x{height}_{model}_v{n}"
FIELDS: Mapping[str, str] = {
    "project": "the project, or the name of the kit where it has none", "kit": "the name of the kit",
    "format": "4x5, 9x16, a4", "width": "in pixels", "height": "in pixels", "model": "the model's name, or crop",
    "n": "which try at the format it is, from 1",
}  # fmt: skip
"""What may stand in braces, and what it becomes."""
_MOST_TEMPLATE, _MOST_NAME = 200, 120
_FIELD = re.compile(r"\{([^{}]*)\}")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The name of one file, with its ending, and what is wrong with it."""

    name: str
    problem: str | None = None


def check_template(template: str) -> str:
    """The template as it is kept. Raises BadRequestError for one that names no field there is, or forbidden letters."""
    shown = template.strip()
    if not shown or len(shown) > _MOST_TEMPLATE:
        raise BadRequestError(f"A template has 1 to {_MOST_TEMPLATE} letters.", hint=f"Begin with {TEMPLATE}.",
                              param="template")  # fmt: skip
    for name in _FIELD.findall(shown):
        if name not in FIELDS:
            raise BadRequestError(f"{{{name[:40]}}} is nothing that a name can hold.",
                                  hint=f"There are {', '.join(f'{{{each}}}' for each in FIELDS)}.", param="template")  # fmt: skip
    rest = _FIELD.sub("", shown)
    if "{" in rest or "}" in rest:
        raise BadRequestError(
            "A brace in the template is not closed.", hint="Write fields as {format}.", param="template"
        )
    if found := _FORBIDDEN.search(rest):
        raise BadRequestError(f"{found[0]!r} cannot stand in a file's name on every system.",
                              hint='These cannot: < > : " / \\ | ? *', param="template")  # fmt: skip
    return shown


def slug(text: str) -> str:
    """A value as it stands in a name: letters and digits of any script, the rest as dashes."""
    plain = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", text)).strip("-._")
    return plain[:60].rstrip("-._") or "untitled"


def names(template: str, values: Sequence[Mapping[str, str]], ending: str) -> tuple[Named, ...]:
    """The names of files, in order, with what is wrong: a name that another one has too (capitals count as small ones,
    as on Windows and macOS), one that a system keeps for itself, one that is too long."""
    made = [f"{_FIELD.sub(lambda m, v=each: slug(v[m[1]]), template)}.{ending}" for each in values]  # type: ignore[misc]
    folded = [unicodedata.normalize("NFC", name).casefold() for name in made]
    return tuple(
        Named(name=name, problem=_problem(name, folded.count(fold))) for name, fold in zip(made, folded, strict=True)
    )


def _problem(name: str, count: int) -> str | None:
    if count > 1:
        return "Another file has this name too."
    if _RESERVED.fullmatch(name):
        return "Windows keeps this name for itself."
    if name.startswith((".", " ", "-")) or name.partition(".")[0].endswith(" "):
        return "A name begins and ends with a letter or a digit."
    if len(name.encode()) > _MOST_NAME:
        return f"This name is longer than {_MOST_NAME} bytes, which not every system takes."
    return None
