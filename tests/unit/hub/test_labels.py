"""Names of networks: the same for one network of one hub, and nothing by which to know it."""

from itertools import combinations

import pytest

from triptych.hub.labels import label_key, network_label
from triptych.hub.quota import network_of

KEY, OTHER = label_key("PRIVATE+KEY+one"), label_key("PRIVATE+KEY+two")


def test_nodes_of_one_network_have_one_name_and_others_have_others() -> None:
    found = {network_label(KEY, network_of(address)) for address in ("8.8.8.8", "8.8.8.250", "::ffff:8.8.8.9")}
    assert len(found) == 1
    names = [network_label(KEY, f"8.8.{at}.0/24") for at in range(200)]
    assert all(one is not None and len(one) == 16 for one in names)
    assert all(one != two for one, two in combinations(names, 2))
    assert network_label(KEY, network_of("2a00:1450:4001::7")) == network_label(KEY, network_of("2a00:1450:4001:ff::1"))


def test_each_hub_has_names_of_its_own_and_keeps_them() -> None:
    network = "8.8.8.0/24"
    assert network_label(KEY, network) == network_label(label_key("PRIVATE+KEY+one"), network)
    assert network_label(KEY, network) != network_label(OTHER, network)


@pytest.mark.parametrize("network", ["local", "127.0.0.0/24", "192.168.1.0/24", "fd00::/48"])
def test_at_home_nobody_can_tell(network: str) -> None:
    assert network_label(KEY, network) is None
    assert network_label(b"", "8.8.8.0/24") is None
