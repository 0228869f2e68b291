"""On what terms the tiles of a run are made."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast, get_args

from triptych.router.budget import Caps
from triptych.spec.errors import BadRequestError
from triptych.spec.json import Json
from triptych.spec.model import Lane
from triptych.spec.records import RunRecord
from triptych.spec.routing import NO_FLOORS, Floors
from triptych.studio.veil import is_veiled

DEADLINE_S = 300.0
COMMUNITY_DEADLINE_S = 1800.0
"""Volunteers' machines have queues of many minutes, and one's own may need as many for a large picture."""
AT_ONCE = 8
"""Tiles of the page of one model that are with the router at the same time (see `places`)."""
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
EASEL = 2
"""Places that all painters share; `providers/demo` holds them to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Kept with the run, so that a retry has the same."""

    caps: Caps
    lane_floor: Lane | None = None
    allow_model_failover: bool = False
    floors: Floors = NO_FLOORS
    nonce: str | None = None
    api_key: str | None = None
    project: str | None = None
    deadline_s: float = DEADLINE_S
    hedge: bool = False
    blind: bool = False
    batch: bool = False
    api: bool = False


def read_project(field: str, value: object) -> str:
    """The name of a project, under which spending is added up and capped. Raises BadRequestError naming the field."""
    if not isinstance(value, str) or not _PROJECT.fullmatch(value):
        shown = repr(value)[:80]
        raise BadRequestError(f"{field} is {shown}; it takes 1 to 64 letters, digits, dots, dashes and underscores.",
                              param=field)  # fmt: skip
    return value


def routing_settings(floors: Floors, nonce: str | None, *, hedge: bool = False) -> dict[str, Json]:
    """What is kept with a run of its own conditions for the router; `terms_of` reads it again."""
    kept: dict[str, Json] = {
        "no_training": floors.no_training or None,
        "max_retention_days": floors.max_retention_days,
        "regions": list(floors.regions) or None,
        "no_community": floors.no_community or None,
        "nonce": nonce,
        "hedge": hedge or None,
    }
    return {name: value for name, value in kept.items() if value is not None}


def tile_nonce(nonce: str, position: int) -> str:
    """The nonce of one tile of a run, from the one that its caller gave for the whole run: the first 16 bytes of
    SHA-256("triptych-tile-nonce/1\\n" nonce "\\n" position) as hex, in UTF-8 and with the position in decimal. So that
    the tiles are drawn apart, and whoever gave the nonce can work each one out."""
    return hashlib.sha256(f"triptych-tile-nonce/1\n{nonce}\n{position}".encode()).hexdigest()[:32]


def _floors(settings: Mapping[str, Json]) -> Floors:
    days, regions = settings.get("max_retention_days"), settings.get("regions")
    return Floors(
        no_training=settings.get("no_training") is True,
        max_retention_days=days if isinstance(days, int) else None,
        regions=tuple(str(region) for region in regions) if isinstance(regions, list | tuple) else (),
        no_community=settings.get("no_community") is True,
    )


def terms_of(run: RunRecord, caps: Caps, deadline_s: float) -> Terms:
    """The terms of a run under the caps of now; the run's own budget is one of them."""
    settings = run.settings
    budget, floor, key = settings.get("budget_micro_usd"), settings.get("lane_floor"), settings.get("api_key")
    nonce, project = settings.get("nonce"), settings.get("project")
    if isinstance(budget, int):
        caps = replace(caps, run=budget if caps.run is None else min(budget, caps.run))
    return Terms(
        caps=caps,
        lane_floor=cast("Lane", floor) if floor in get_args(Lane) else None,
        allow_model_failover=settings.get("allow_model_failover") is True,
        floors=_floors(settings),
        nonce=nonce if isinstance(nonce, str) else None,
        api_key=key if isinstance(key, str) else None,
        project=project if isinstance(project, str) else None,
        deadline_s=deadline_s,
        hedge=settings.get("hedge") is True,
        blind=is_veiled(run),
        batch=settings.get("batch") is True,
        api=run.source == "api",
    )


def patience(deadline_s: float, lane: Lane | None) -> float:
    """How long a tile of a lane may take, where others have this long."""
    return max(deadline_s, COMMUNITY_DEADLINE_S) if lane in {"community", "local"} else deadline_s


def for_lane(terms: Terms, lane: Lane | None) -> Terms:
    """The same with the patience that a lane needs."""
    return replace(terms, deadline_s=patience(terms.deadline_s, lane))
