"""What is found in a hub's list without looking through it is what looking through it finds."""

from collections import Counter
from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.network.card_tools import MODEL, made

from triptych.hub.here import Here, Listing

CARD = made()
NAMES = [f"node-{number}" for number in range(6)]
MODELS, NETWORKS, HUBS = ("a", "b", "c"), ("198.41.0.0/24", "198.41.1.0/24"), ("", "", "https://p.example")


def listing(node: str, number: int, expires_ms: int, models: frozenset[str], network: str, via: str) -> Listing:
    runs = tuple(msgspec.structs.replace(MODEL, id=one) for one in sorted(models))
    said = msgspec.structs.replace(CARD.body, id=node, expires_ms=expires_ms, models=runs)
    return Listing(card=replace(CARD, body=said), network="" if via else network, first_ms=0, number=number, via=via)


nodes = st.sampled_from(NAMES)
acts = st.one_of(
    st.tuples(st.just("put"), nodes, st.integers(1, 30), st.frozensets(st.sampled_from(MODELS)), st.sampled_from(NETWORKS), st.sampled_from(HUBS)),
    st.tuples(st.just("pop"), nodes), st.tuples(st.just("served"), nodes), st.tuples(st.just("wait"), st.integers(0, 20)),
)  # fmt: skip


@given(st.lists(acts, max_size=60))
def test_what_is_counted_is_what_is_there(story: list[tuple]) -> None:  # type: ignore[type-arg]
    here, there, now = Here(), dict[str, Listing](), 0
    for number, (act, *said) in enumerate(story, start=1):
        if act == "put":
            node, lasts, models, network, via = said
            fresh = listing(node, number, now + lasts, models, network, via)
            there.pop(node, None)
            there[node] = fresh
            here.put(fresh)
        elif act == "pop":
            assert here.pop(said[0]) == there.pop(said[0], None)
        elif act == "served" and said[0] in there:
            there[said[0]] = replace(there[said[0]], jobs=there[said[0]].jobs + 1)
            here.amend(there[said[0]])
        elif act == "wait":
            now += said[0]
            ended = [node for node, one in there.items() if one.card.body.expires_ms <= now]
            assert here.ended(now) == ended
            for node in ended:
                assert here.pop(node) == there.pop(node)
        same(here, there, number)


def same(here: Here, there: dict[str, Listing], number: int) -> None:
    assert len(here) == len(there)
    for since in (0, number // 2, number - 1, number):
        assert here.after(since) == [one for one in there.values() if one.number > since]
    for model in (None, *MODELS):
        runs = [one for one in there.values() if model is None or model in one.models]
        assert here.ordered(model) == tuple(sorted(runs, key=lambda one: one.card.id))
    assert here.heard_of() == Counter(one.via for one in there.values() if one.via)
    for node in NAMES:
        assert here.get(node) == there.get(node)
        own = [one for one in there.values() if not one.via and one.card.id != node]
        for network in NETWORKS:
            assert here.room(node, network) == (len(own), sum(one.network == network for one in own))
    for one in there.values():
        assert here.like(one) == sum(bool(one.models & other.models) for other in there.values() if other is not one)


def test_a_node_that_signs_its_card_anew_for_ever_takes_no_more_room() -> None:
    here = Here()
    for number in range(1, 5_000):
        here.put(listing(NAMES[number % 3], number, 10_000 + number, frozenset(MODELS), NETWORKS[0], ""))
    assert len(here._ends) <= 2 * 3 + 64 + 1
    assert here.ended(20_000) == [NAMES[number % 3] for number in (4_997, 4_998, 4_999)]
    for node in NAMES[:3]:
        here.pop(node)
    assert not (here._ids or here._models or here._networks or here._vias or here._own or here._listed)
