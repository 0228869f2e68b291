"""What reading a prompt gives: settings, references, notes, chips."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from triptych.spec.image import AspectRatio, Knob, Role, Size, WeightedPart

Value = Knob | AspectRatio | Size
NoteKind = Literal["unknown", "invalid", "clamped", "duplicate", "moved", "info", "error"]
"""`unknown` no such parameter, not sent · `invalid` a value nobody can read, not sent · `clamped` taken to the nearest
allowed value · `duplicate` a later one took its place · `moved` words that stood after a parameter were read as text ·
`info` something to know · `error` nothing can be started with this."""


@dataclass(frozen=True, slots=True)
class PromptNote:
    """One thing the grammar has to say about one piece of the text."""

    kind: NoteKind
    token: str
    message: str


@dataclass(frozen=True, slots=True)
class Chip:
    """One setting as the page shows it: `text` as typed, `value` as understood."""

    name: str
    text: str
    value: Knob


@dataclass(frozen=True, slots=True)
class Reference:
    """`@img2` as the picture for a role; None keeps the role that the picture was given with. Counted from 1."""

    index: int
    role: Role | None


@dataclass(frozen=True, slots=True)
class Override:
    """A setting for one model only, from `--s 250@flux`. `model` is as typed."""

    model: str
    name: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSpec:
    """One prompt after expansion. `text` goes to the models; `settings` are by canonical name: fields of ImageRequest
    (`aspect_ratio`, `size`, `seed`, …) and knobs (`stylize`, `chaos`, …)."""

    text: str
    parts: tuple[WeightedPart, ...] = ()
    settings: Mapping[str, Value] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    references: tuple[Reference, ...] = ()

    def shares(self) -> tuple[float, ...]:
        """The weights of the parts as fractions of their sum, so that `a::2 b` equals `a::4 b::2`."""
        total = sum(part.weight for part in self.parts)
        return tuple(part.weight / total for part in self.parts) if total > 0 else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPlan:
    """A whole prompt, read.

    `count` is how many prompts the groups stand for; `prompts` are the first of them, as many as the limit allows, so
    that `complete` says whether they are all. Each is run `repeat` times. `models` are as typed after `--m` or `@`.
    `budget_micro_usd` is a cap for the whole run.
    """

    prompts: tuple[PromptSpec, ...]
    count: int
    notes: tuple[PromptNote, ...] = ()
    chips: tuple[Chip, ...] = ()
    models: tuple[str, ...] = ()
    n: int | None = None
    repeat: int = 1
    budget_micro_usd: int | None = None
    blind: bool = False

    @property
    def complete(self) -> bool:
        return len(self.prompts) == self.count

    @property
    def total(self) -> int:
        """Prompts times repeats."""
        return self.count * self.repeat

    @property
    def errors(self) -> tuple[PromptNote, ...]:
        """What stands in the way of starting."""
        return tuple(note for note in self.notes if note.kind == "error")
