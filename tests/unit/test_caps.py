"""Caps: what was set on the page, what the settings say, and another process beside this one."""

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

import pytest

from triptych.app.caps import CapBook
from triptych.config.settings import CapSettings
from triptych.spec.errors import BadRequestError
from triptych.spec.json import Json
from triptych.store.base import RecordStore


class Kept:
    def __init__(self) -> None:
        self.settings: dict[str, Json] = {}

    async def get_setting(self, name: str) -> Json:
        return self.settings.get(name)

    async def put_setting(self, name: str, value: Mapping[str, Json]) -> None:
        self.settings[name] = dict(value)


def book(kept: Kept, **settings: Decimal | bool) -> CapBook:
    return CapBook(CapSettings(**settings), cast(RecordStore, kept))  # type: ignore[arg-type]


async def test_setting_one_cap_leaves_the_other_to_the_settings() -> None:
    kept = Kept()
    await book(kept, day_usd=Decimal(1)).set({"run": 7})
    assert kept.settings == {"caps": {"run": 7}}
    later = book(kept, day_usd=Decimal(2), run_usd=Decimal(9))
    await later.load()
    assert (later.current().run, later.current().day) == (7, 2_000_000)


async def test_a_cap_taken_away_on_the_page_stays_away() -> None:
    kept = Kept()
    await book(kept).set({"day": None})
    later = book(kept, day_usd=Decimal(2))
    await later.load()
    assert later.current().day is None


async def test_what_another_process_sets_is_seen_and_kept() -> None:
    kept = Kept()
    one, other = book(kept), book(kept)
    await one.set({"day": 5})
    await other.set({"run": 3})
    assert (other.current().run, other.current().day) == (3, 5)
    await one.load()
    assert (one.current().run, one.current().day) == (3, 5)


def test_a_call_that_a_cap_would_not_count_is_refused_by_its_field() -> None:
    caps = book(Kept(), key_usd=Decimal(1), project_usd=Decimal(1))
    caps.require_names("key_1", "poster")
    for key, project, field in ((None, "poster", "Authorization"), ("key_1", None, "project")):
        with pytest.raises(BadRequestError) as caught:
            caps.require_names(key, project)
        assert caught.value.param == field
    book(Kept(), key_usd=Decimal(1), project_usd=Decimal(1), named_only=False).require_names(None, None)
    book(Kept(), day_usd=Decimal(1), named_only=True).require_names(None, None)
