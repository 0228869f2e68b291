"""The prompt grammar: permutations, parameters, weights, references; docs/reference/prompt.md tells users."""

from triptych.studio.prompt.plan import DEFAULT_LIMIT, read_prompt
from triptych.studio.prompt.values import Chip, Override, PromptNote, PromptPlan, PromptSpec, Reference, Value

__all__ = [
    "DEFAULT_LIMIT",
    "Chip",
    "Override",
    "PromptNote",
    "PromptPlan",
    "PromptSpec",
    "Reference",
    "Value",
    "read_prompt",
]
