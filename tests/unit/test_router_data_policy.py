"""What a card says of prompts counts only as far as it says it."""

from dataclasses import replace

import pytest
from tests.unit.adapter_kit import CARDS
from tests.unit.router_doubles import FakeModel, Stage, card

from triptych.router.data_policy import DataPolicy, data_policy
from triptych.spec.errors import BadRequestError
from triptych.spec.model import PolicyFact
from triptych.spec.routing import Floors


def fact(topic: str, value: str | None) -> PolicyFact:
    return PolicyFact(topic=topic, statement="As they say.", source="their page", as_of="2026-11-20", value=value)  # type: ignore[arg-type]


def test_nothing_is_taken_for_granted() -> None:
    assert data_policy(card()) == DataPolicy()
    assert data_policy(card(policy=(fact("training", None), fact("readers", None)))) == DataPolicy()
    unlike = (fact("training", "no"), fact("training", "yes"))
    assert data_policy(card(policy=unlike)) == DataPolicy()


HELD_TO = {
    "deepinfra/flux-2-max": DataPolicy(training="no"),  # it keeps pictures "for a short period": no number
    "fireworks/flux.1-schnell-fp8": DataPolicy(retention_days=0),  # of training its page says nothing
    "together/flux.1-schnell": DataPolicy(),  # it may use what it stores "for product improvements"
    "vertex/gemini-3-pro-image": DataPolicy(training="no"),
}


@pytest.mark.parametrize("model", HELD_TO)
def test_a_vendors_page_counts_only_where_it_is_a_plain_word(model: str) -> None:
    assert data_policy(CARDS[model]) == HELD_TO[model]
    assert {one.topic for one in CARDS[model].policy} >= {"retention"}
    assert all("stored cop" in one.source and one.as_of >= "2026-11-22" for one in CARDS[model].policy)


def test_what_is_said_is_read() -> None:
    facts = (fact("training", "no"), fact("retention", "30"), fact("region", "EU"))
    assert data_policy(card(policy=facts)) == DataPolicy(training="no", retention_days=30, region="EU")
    assert data_policy(card(policy=(fact("training", "yes"),))).training == "yes"


def test_this_machine_keeps_nothing() -> None:
    assert data_policy(card(lane="local")) == DataPolicy(training="no", retention_days=0, region="here")


@pytest.mark.parametrize(
    ("floors", "param"),
    [
        (Floors(no_training=True), "no_training"),
        (Floors(max_retention_days=29), "max_retention_days"),
        (Floors(regions=("US", "here")), "regions"),
    ],
)
async def test_a_request_goes_only_where_its_floors_are_kept(floors: Floors, param: str) -> None:
    model = FakeModel(card(policy=(fact("training", "yes"), fact("retention", "30"), fact("region", "EU"))))
    stage = Stage([model])
    with pytest.raises(BadRequestError) as caught:
        await stage.run(floors=floors)
    assert (caught.value.param, model.submitted) == (param, [])
    good = replace(model.card, policy=(fact("training", "no"), fact("retention", "29"), fact("region", "US")))
    assert (await Stage([FakeModel(good)]).run(floors=floors)).endpoint == "one/a"


async def test_volunteers_are_left_out_where_providers_are_not() -> None:
    models = [FakeModel(card("one/a", lane="community")), FakeModel(card("two/a", lane="commercial"))]
    stage = Stage(models)
    assert (await stage.run(model="a", floors=Floors(no_community=True))).endpoint == "two/a"
    with pytest.raises(BadRequestError) as caught:
        await Stage(models[:1]).run(floors=Floors(no_community=True))
    assert (caught.value.param, models[0].submitted) == ("no_community", [])
