"""Records with some fields changed, as the standard library does it."""

import dataclasses
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.spec import model, records, routing
from triptych.spec.replacing import replace

KINDS = [
    kind
    for module in (model, records, routing)
    for kind in vars(module).values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
]


def _any(kind: type) -> Any:
    """One of its records, filled without looking at types."""
    made: Any = object.__new__(kind)
    for number, item in enumerate(fields(kind)):
        object.__setattr__(made, item.name, f"value {number}")
    return made


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(st.data())
def test_it_gives_what_the_standard_function_gives(kind: type, data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from([item.name for item in fields(kind)] or [""])))
    changes: dict[str, Any] = {name: object() for name in names if name}
    record = _any(kind)
    before = [getattr(record, item.name) for item in fields(kind)]
    if hasattr(kind, "__post_init__"):
        return  # checked by its own tests: the standard function does it
    made, wanted = replace(record, **changes), dataclasses.replace(record, **changes)
    assert type(made) is kind
    assert [getattr(made, f.name) for f in fields(kind)] == [getattr(wanted, f.name) for f in fields(kind)]
    assert [getattr(record, item.name) for item in fields(kind)] == before


def test_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        replace(model.JobHandle(provider="a", endpoint="b", job_id="c", state={}), colour="red")  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class Checked:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError


@dataclass(frozen=True)
class Loose:
    name: str
    more: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Longer(Checked):
    name: str = ""


def test_what_checks_itself_is_checked_and_what_has_no_slots_is_copied() -> None:
    assert replace(Checked(1, 2), high=5) == Checked(1, 5)
    with pytest.raises(ValueError):
        replace(Checked(1, 2), low=3)
    with pytest.raises(ValueError):
        replace(Longer(1, 2, "a"), low=3)
    assert replace(Loose("a", [1]), name="b") == Loose("b", [1])
