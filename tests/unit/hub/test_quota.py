"""What guests and holders of tokens may use of a hub."""

from contextlib import ExitStack

import pytest
from tests.unit.hub.test_mailbox import Hands

from triptych.hub.quota import Allowance, Quotas, network_of
from triptych.spec.errors import RateLimitedError


def test_guests_of_one_network_share_what_they_have_and_get_it_back_with_time() -> None:
    clock = Hands()
    quotas = Quotas(clock, Allowance(burst=2, per_minute=60, at_once=8))
    for _ in range(2):
        with quotas.guest("192.0.2.0/24"):
            pass
    with pytest.raises(RateLimitedError) as refused, quotas.guest("192.0.2.0/24"):
        pass
    assert refused.value.retry_after_s == 1
    with quotas.guest("198.51.100.0/24"):
        pass
    clock.at += 1
    with quotas.guest("192.0.2.0/24"):
        pass


def test_only_so_many_at_the_same_time() -> None:
    quotas = Quotas(Hands(), Allowance(at_once=2, token_at_once=1))
    with ExitStack() as open_now:
        open_now.enter_context(quotas.guest("a"))
        open_now.enter_context(quotas.guest("a"))
        open_now.enter_context(quotas.holder())
        with pytest.raises(RateLimitedError, match="at the same time"), quotas.guest("a"):
            pass
        with pytest.raises(RateLimitedError, match="as many messages"), quotas.holder():
            pass
    with quotas.guest("a"), quotas.holder():
        pass


def test_cards_and_orders_have_an_allowance_of_their_own() -> None:
    clock = Hands()
    quotas = Quotas(clock, Allowance(burst=1, writes=2))
    with quotas.guest("a"):
        quotas.write("a")
    quotas.write("a")
    with pytest.raises(RateLimitedError, match="2 cards, orders and revocations a minute") as refused:
        quotas.write("a")
    assert (refused.value.retry_after_s, bool(refused.value.hint)) == (30, True)
    quotas.write("b")
    clock.at += 30
    quotas.write("a")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::5", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("unix", "local"),
    ],
)
def test_the_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network
