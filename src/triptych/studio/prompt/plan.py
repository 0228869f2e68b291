"""From text to plan: expand, read every combination, gather. Never raises, whatever the text."""

import re

from triptych.spec.image import Knob
from triptych.studio.prompt.expand import Pattern, read_pattern
from triptych.studio.prompt.reading import OnePrompt
from triptych.studio.prompt.values import PromptNote, PromptPlan

DEFAULT_LIMIT = 40
_PREFIX = re.compile(r"\s*/imagine(?!\S)\s*(?:prompt:)?\s*", re.IGNORECASE)


def read_prompt(text: str, *, limit: int = DEFAULT_LIMIT, model_names: frozenset[str] = frozenset()) -> PromptPlan:
    """Reads a prompt with its parameters. `limit` is how many combinations are made (counting has no limit);
    `model_names`, in lower case, are what may stand after `@` to choose a model."""
    prefix = _PREFIX.match(text)
    pattern = read_pattern(text[prefix.end() :] if prefix else text)
    shown = range(min(max(1, limit), pattern.count))
    return _gather(pattern, [OnePrompt(model_names).read(pattern.nth(index)) for index in shown])


def _gather(pattern: Pattern, read: list[OnePrompt]) -> PromptPlan:
    """One plan out of all combinations; what concerns the whole run comes from the first."""
    notes = dict.fromkeys(note for one in read for note in one.notes)
    run = read[0].plan
    for one in read[1:]:
        for name in sorted(name for name in {*run, *one.plan} if run.get(name) != one.plan.get(name)):
            message = f"--{name} holds for the whole run; what the first combination says is taken."
            notes[PromptNote("invalid", f"--{name}", message)] = None
    return PromptPlan(
        prompts=tuple(one.spec() for one in read), count=pattern.count, notes=tuple(notes),
        chips=tuple(dict.fromkeys(chip for one in read for chip in one.chips.values())),
        models=tuple(dict.fromkeys(name for one in read for name in one.models)),
        n=_whole(run.get("n")), repeat=_whole(run.get("repeat")) or 1, budget_micro_usd=_whole(run.get("budget")),
        blind="blind" in run,
    )  # fmt: skip


def _whole(value: Knob | None) -> int | None:
    return value if isinstance(value, int) else None
