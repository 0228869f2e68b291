"""The two models that a first visit starts with."""

from datetime import date

from triptych.app.model_views import first_choice
from triptych.spec.json import JsonObject

TODAY = date(2026, 11, 21)


def view(name: str, *, price: int | None = 1, state: str = "ready", code: str | None = None,
         retires: str | None = None, note: str | None = None) -> JsonObject:  # fmt: skip
    return {"id": name, "provider": name.partition("/")[0], "state": state, "reason_code": code,
            "price_micro_usd": price, "retires": retires, "note": note}  # fmt: skip


def test_two_providers_in_order() -> None:
    assert first_choice([view("a/1"), view("a/2"), view("b/1"), view("c/1")], TODAY) == ["a/1", "b/1"]


def test_what_cannot_be_used_is_left_out_and_an_untested_key_is_not() -> None:
    views = [view("a/1", state="no_key", code="no_key"), view("b/1", state="limited", code="unhealthy"),
             view("c/1", state="limited", code="untested"), view("d/1")]  # fmt: skip
    assert first_choice(views, TODAY) == ["c/1", "d/1"]


def test_an_end_within_180_days_and_an_unknown_price_come_last() -> None:
    views = [view("a/1", retires="2027-05-20"), view("a/2", note="On its way out: use 3."), view("a/3", price=None),
             view("b/1", retires="2027-05-21"), view("c/1", price=None)]  # fmt: skip
    assert first_choice(views, TODAY) == ["b/1", "a/3"]
    assert first_choice(views[:2], TODAY) == ["a/1", "a/2"]


def test_one_provider_gives_two_and_none_gives_none() -> None:
    assert first_choice([view("a/1"), view("a/2")], TODAY) == ["a/1", "a/2"]
    assert first_choice([], TODAY) == []
