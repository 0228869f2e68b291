"""A run's own conditions for the router are kept with it, so that a retry has the same."""

import pytest

from triptych.router.budget import NO_CAPS
from triptych.spec.records import RunRecord
from triptych.spec.routing import NO_FLOORS, Floors
from triptych.studio.terms import routing_settings, terms_of


@pytest.mark.parametrize(
    ("floors", "nonce"),
    [
        (NO_FLOORS, None),
        (Floors(no_training=True, max_retention_days=0, regions=("EU", "here")), "ab" * 16),
        (Floors(max_retention_days=30), None),
    ],
)
def test_floors_and_nonce_come_back(floors: Floors, nonce: str | None) -> None:
    run = RunRecord(id="run_1", created_ms=1, text="x", source="api", settings=routing_settings(floors, nonce))
    terms = terms_of(run, NO_CAPS, 60.0)
    assert (terms.floors, terms.nonce) == (floors, nonce)
