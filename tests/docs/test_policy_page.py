"""The page on policies names everything there is, and its example is valid."""

import re
from pathlib import Path
from typing import get_args

from triptych.router.bundle import FORMAT, policy_json, read_bundle
from triptych.router.filters import FIELDS
from triptych.router.policy import CHEAPEST, SHIPPED
from triptych.spec.routing import Reason

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "policy.md").read_text("utf-8")


def test_the_example_is_valid() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert read_bundle(example.encode()).name == "house rules"


def test_every_field_of_a_policy_every_field_of_a_filter_and_every_reason_is_there() -> None:
    for name in (*policy_json(CHEAPEST), *get_args(Reason), FORMAT):
        assert f"`{name}`" in PAGE, name
    for name, field in FIELDS.items():
        assert f"| `{name}` | {field.kind}" in PAGE
        assert f"| {field.meaning} |" in PAGE


def test_every_shipped_policy_is_told_about() -> None:
    page = (DOCS / "concepts" / "routing.md").read_text("utf-8")
    assert all(f"| `{name}` |" in page for name in SHIPPED)
