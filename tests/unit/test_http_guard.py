"""Which addresses may be opened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.http.guard import check_hostile_url, is_public, origin, parse_url
from triptych.spec.errors import HostileContentError


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "192.88.99.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2002:7f00:1::", "2002:c0a8:101::1",
        "2001:0:4136:e378:8000:63bf:807f:fffe",  # Teredo with a loopback client
        "2001:db8::1", "2001:10::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
        "fec0::1", "ff02::1", "2606:4700::1111%eth0", "", "localhost", "127.1", "0x7f000001", "2130706433",
    ],
)  # fmt: skip
def test_an_address_inside_a_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1",
     "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)  # fmt: skip
def test_an_address_for_everyone_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_ipv4_inside_ipv6_is_judged_as_ipv4(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(f"64:ff9b::{address}") == is_public(str(address))


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_never_public(address: object) -> None:
    if (
        getattr(address, "is_private", False)
        or getattr(address, "is_loopback", False)
        or getattr(address, "is_link_local", False)
    ):
        mapped = getattr(address, "ipv4_mapped", None)
        assert is_public(str(address)) is (mapped is not None and is_public(str(mapped)))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a", "ftp://example.com/a", "file:///etc/passwd", "data:image/png;base64,AA", "//example.com",
        "https://", "https:///a", "https://127.0.0.1/", "https://127.0.0.1.:443/", "https://[::1]/", "https://[::ffff:10.0.0.1]/",
        "https://127.1/", "https://127.1./", "https://2130706433/", "https://0177.0.0.1/", "https://0x7f000001/", "https://a.0x1/",
        "https://localhost/", "https://LOCALHOST./", "https://a.localhost/", "https://user@example.com/",
        "https://user:pass@example.com/", "https://example.com\\@10.0.0.1/", "https://example.com/\r\nX: y", "https://exa mple.com/",
        "https://example.com:99999/", "", "nonsense", "https://" + "a" * 20_000,
    ],
)  # fmt: skip
def test_a_hostile_address_is_refused(url: str) -> None:
    with pytest.raises(HostileContentError):
        check_hostile_url(url)


def test_a_signed_address_stays_as_it_is() -> None:
    url = "https://cdn.example.com/a%2Fb.png?sig=x%2By%3D&t=a+b"
    assert str(check_hostile_url(url + "#part")) == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Example.com/a", "https://example.com:443"),
        ("https://example.com:443", "https://example.com:443"),
        ("https://example.com.:8443/x?y", "https://example.com:8443"),
        ("http://127.0.0.1:80/", "http://127.0.0.1:80"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert origin(url) == expected


@given(st.text(max_size=60))
def test_no_text_gives_anything_but_an_address_or_our_error(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            assert parse_url(url).host
        except HostileContentError:
            continue
