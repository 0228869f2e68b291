"""The reference page of budgets names the fields that are answered, and no other."""

import re
from pathlib import Path
from typing import Any

from tests.emulators import Kind
from tests.integration.place import Place

PAGE = Path(__file__).parents[2] / "docs/reference/budget.md"
XAI = "xai/grok-imagine-image"


def table(first: str) -> set[str]:
    """The names in the table whose first column has this title."""
    rows = re.search(rf"^\| {first} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows is not None, first
    return set(re.findall(r"^\| `(\w+)` \|", rows[1], re.MULTILINE))


def test_the_page_of_budgets_names_what_is_answered(own_place: Place) -> None:
    place = own_place.open()
    order = {"model": XAI, "prompt": "a kettle", "project": "Acme"}
    program = {"Authorization": "Bearer a-program-of-mine"}
    for fault in (Kind.SUCCESS, Kind.FORBIDDEN, Kind.CUT_AFTER_READ):
        place.emulators.xai.play(fault)
        place.http.post(f"{place.url}/v1/images/generations", json=order, headers=program)
    place.send("PUT", "/api/caps", {"run": 50_000, "day": 10_000_000})
    found: dict[str, Any] = place.get("/v1/router/budget?days=2").json()
    assert set(found) == table("field")
    assert set(found["caps"]) == table("cap")
    assert set(found["estimates"]) == table("of the estimates")
    lines = [line for name in ("days", "keys", "projects") for line in found[name]]
    assert len(lines) == 3
    assert all(set(line) == table("of a line") for line in lines)
    assert set(found["all"]) == table("of a line") - {"name"}
    (endpoint,) = found["estimates"]["endpoints"]
    assert set(endpoint) == table("of an endpoint")
    # What the page says of them.
    assert (endpoint["calls"], endpoint["unknown"], endpoint["released"]) == (1, 1, 1)
    assert (endpoint["estimated_micro_usd"], endpoint["charged_micro_usd"]) == (20_000, 20_000)
    assert lines[0] == {
        "name": found["today"], "spent_micro_usd": 40_000, "reserved_micro_usd": 0, "reserved_unknown": 0, "unknown": 1,
        "guessed_micro_usd": 20_000, "fee_micro_usd": 0, "cap_micro_usd": 10_000_000, "left_micro_usd": 9_960_000,
    }  # fmt: skip


def test_the_page_of_spending_names_what_is_answered(own_place: Place) -> None:
    place = own_place.open()
    spending = place.get("/api/spend").json()
    assert set(spending) == table("of the spending")
    assert set(spending["today"]) == table("of today")
    assert set(spending["caps"]) == {"run", "day"} <= table("cap")
    changed = place.send("PUT", "/api/caps", {"run": 50_000}).json()
    assert changed == {**spending, "caps": {"run": 50_000, "day": None}}
