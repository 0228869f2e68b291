"""Oblivious HTTP: the vectors of RFC 9458, of its chunked form, and of HPKE; and what cannot be opened."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey, KEMKeyPair

from triptych.network.ohttp import bhttp, keys, padding
from triptych.network.ohttp.chunks import MAX_CHUNK, AnswerOpener, RequestOpener, RequestSealer
from triptych.network.ohttp.errors import KeysError, OhttpError, PaddingError, SealError
from triptych.network.ohttp.keys import AES_128_GCM, CHACHA20_POLY1305, HKDF_SHA256, SUITES, KeyConfig, NodeKey, Suite
from triptych.network.ohttp.seal import (
    REQUEST_OVERHEAD,
    RESPONSE_OVERHEAD,
    Answer,
    Reply,
    open_request,
    seal_request,
)

RFC_SUITES = (Suite(HKDF_SHA256, AES_128_GCM), Suite(HKDF_SHA256, CHACHA20_POLY1305))
KEY = NodeKey.from_private(7, bytes(range(32)))
OTHER = NodeKey.from_private(7, bytes(32))


def fixed(*values: str) -> Callable[[int], bytes]:
    left = [bytes.fromhex(one) for one in values]

    def random(size: int) -> bytes:
        found = left.pop(0)
        assert len(found) == size
        return found

    return random


VECTORS = json.loads((Path(__file__).parents[2] / "vectors/hpke.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: f"aead-{one['aead_id']}")
def test_the_vectors_of_hpke(vector: dict[str, Any]) -> None:
    """RFC 9180 appendix A, base mode, the suites that are used here."""
    assert Suite(vector["kdf_id"], vector["aead_id"]) in SUITES
    suite = CipherSuite.new(KEMId(vector["kem_id"]), KDFId(vector["kdf_id"]), AEADId(vector["aead_id"]))
    given = {name: bytes.fromhex(vector[name]) for name in ("enc", "skRm", "skEm", "pkRm", "info")}
    private = suite.kem.deserialize_private_key(given["skEm"])
    pair = KEMKeyPair(private, KEMKey.from_pyca_cryptography_key(private.raw.public_key()))
    enc, sender = suite.create_sender_context(suite.kem.deserialize_public_key(given["pkRm"]), given["info"], eks=pair)
    assert enc == given["enc"]
    receiver = suite.create_recipient_context(enc, suite.kem.deserialize_private_key(given["skRm"]), given["info"])
    for one in vector["encryptions"]:
        pt, aad, ct = (bytes.fromhex(one[name]) for name in ("pt", "aad", "ct"))
        assert sender.seal(pt, aad) == ct
        assert receiver.open(ct, aad) == pt
    for one in vector["exports"]:
        wanted = bytes.fromhex(one["exported_value"])
        assert receiver.export(bytes.fromhex(one["exporter_context"]), one["L"]) == wanted


class TestRfc9458:
    """Appendix A: one request and its answer, to the byte."""

    node = NodeKey.from_private(
        1, bytes.fromhex("3c168975674b2fa8e465970b79c8dcf09f1c741626480bd4c6162fc5b6a98e1a"), RFC_SUITES
    )
    config = bytes.fromhex("01002031e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e79815500080001000100010003")
    request = bytes.fromhex("00034745540568747470730b6578616d706c652e636f6d012f")
    sealed = bytes.fromhex(
        "010020000100014b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad19dec96c208b4726374e469135906992e1268c594d2a1"
        "0c695d858c40a026e7965e7d86b83dd440b2c0185204b4d63525"
    )
    answer = bytes.fromhex("c789e7151fcba46158ca84b04464910d86f9013e404feea014e7be4a441f234f857fbd")
    ephemeral = "bc51d5e930bda26589890ac7032f70ad12e4ecb37abb1b65b1256c9c48999c73"

    def test_the_key(self) -> None:
        assert self.node.config.encode() == self.config
        assert keys.decode(b"\0\x2d" + self.config) == (self.node.config,)

    def test_the_client(self) -> None:
        assert bhttp.encode(bhttp.Request(method="GET", authority="example.com", path="/"), short=True) == self.request
        sealed, answer = seal_request((self.node.config,), self.request, random=fixed(self.ephemeral))
        assert sealed == self.sealed
        assert answer.open(self.answer).hex() == "0140c8"

    def test_the_gateway(self) -> None:
        request, reply = open_request((self.node,), self.sealed)
        assert request == self.request
        nonce = fixed("c789e7151fcba46158ca84b04464910d")
        assert reply.seal(bytes.fromhex("0140c8"), random=nonce) == self.answer


class TestChunked:
    """draft-ietf-ohai-chunked-ohttp-06 appendix A: three pieces each way, to the byte."""

    node = NodeKey.from_private(
        1, bytes.fromhex("1c190d72acdbe4dbc69e680503bb781a932c70a12c8f3754434c67d8640d8698"), RFC_SUITES
    )
    request = bytes.fromhex("00034745540568747470730b6578616d706c652e636f6d012f")
    sealed = (
        bytes.fromhex("010020000100018811eb457e100811c40a0aa71340a1b81d804bb986f736f2f566a7199761a032"),
        bytes.fromhex("1c2ad24942d4d692563012f2980c8fef437a336b9b2fc938ef77a5834f"),
        bytes.fromhex("1d2e33d8fd25577afe31bd1c79d094f76b6250ae6549b473ecd950501311"),
        bytes.fromhex("001c6c1395d0ef7c1022297966307b8a7f"),
    )
    answer = (
        bytes.fromhex("bcce7f4cb921309ba5d62edf1769ef09"),
        bytes.fromhex("1179bf1cc87fa0e2c02de4546945aa3d1e48"),
        bytes.fromhex("12b348b5bd4c594c16b6170b07b475845d1f32"),
        bytes.fromhex("00ed9d8a796617a5b27265f4d73247f639"),
    )
    ephemeral = "b26d565f3f875ed480d1abced3d665159650c99174fd0b124ac4bda0c64ae324"

    def client(self) -> RequestSealer:
        return RequestSealer((self.node.config,), random=fixed(self.ephemeral))

    def opened(self) -> RequestOpener:
        opener = RequestOpener((self.node,))
        opener.feed(b"".join(self.sealed))
        return opener

    def test_the_client(self) -> None:
        client = self.client()
        pieces = (client.header, client.seal(self.request[:12]), client.seal(self.request[12:]), client.finish())
        assert pieces == self.sealed
        whole = b"".join(self.answer)
        for parts in (self.answer, [whole[at : at + 1] for at in range(len(whole))]):
            answer = client.answer()
            assert [piece for part in parts for piece in answer.feed(part)] == [b"\x01", b"\x40\xc8"]
            assert answer.finish() == b""

    def test_the_gateway(self) -> None:
        opener = RequestOpener((self.node,))
        whole = b"".join(self.sealed)
        pieces = [piece for at in range(len(whole)) for piece in opener.feed(whole[at : at + 1])]
        assert pieces == [self.request[:12], self.request[12:]]
        assert opener.finish() == b""
        reply = opener.reply(random=fixed(self.answer[0].hex()))
        assert (reply.header, reply.seal(b"\x01"), reply.seal(b"\x40\xc8"), reply.finish()) == self.answer

    @pytest.mark.parametrize("wrong", [(0, 2, 1, 3), (0, 1, 3), (0, 1, 1, 2, 3), (0, 2, 3), (0, 1, 2, 2, 3)])
    def test_a_piece_that_is_moved_dropped_or_repeated_is_noticed(self, wrong: tuple[int, ...]) -> None:
        for opener, parts in ((RequestOpener((self.node,)), self.sealed), (self.client().answer(), self.answer)):
            with pytest.raises(SealError) as told:
                self.read(opener, [parts[one] for one in wrong])
            assert told.value.reason == "not_opened"

    @pytest.mark.parametrize("cut", [1, 16, 17, 20, 40])
    def test_a_message_that_is_cut_off_is_noticed(self, cut: int) -> None:
        for opener, parts in ((RequestOpener((self.node,)), self.sealed), (self.client().answer(), self.answer)):
            with pytest.raises(SealError) as told:
                self.read(opener, [b"".join(parts)[:-cut]])
            assert told.value.reason == ("not_opened" if cut <= 16 else "truncated")

    def test_a_piece_cannot_be_made_the_last(self) -> None:
        """Without its length, and with the sign of the last: the seal says otherwise."""
        for opener, parts in ((RequestOpener((self.node,)), self.sealed), (self.client().answer(), self.answer)):
            with pytest.raises(SealError):
                self.read(opener, [parts[0], parts[1], b"\0" + parts[2][1:]])

    def test_nothing_before_the_header(self) -> None:
        for opener in (RequestOpener((self.node,)), self.client().answer()):
            assert opener.feed(b"\1") == []
            with pytest.raises(SealError):
                opener.finish()
        with pytest.raises(SealError, match="header"):
            RequestOpener((self.node,)).reply()

    def test_nothing_behind_the_end(self) -> None:
        opener = self.opened()
        opener.finish()
        client = self.client()
        client.finish()
        for act in (lambda: opener.feed(b"x"), lambda: client.seal(b"x"), client.finish):
            with pytest.raises(SealError) as told:
                act()
            assert told.value.reason == "finished"

    def test_pieces_have_a_limit(self) -> None:
        client = self.client()
        with pytest.raises(SealError, match="at most"):
            client.seal(bytes(MAX_CHUNK + 1))
        for sizes in (b"\x80\x20\0\0", b"\0" + bytes(MAX_CHUNK + 17)):
            with pytest.raises(SealError) as told:
                self.read(RequestOpener((self.node,)), [self.sealed[0], sizes])
            assert told.value.reason == "too_large"

    def read(self, opener: RequestOpener | AnswerOpener, parts: list[bytes]) -> None:
        for part in parts:
            opener.feed(part)
        opener.finish()


class TestKeys:
    def test_a_list_of_several(self) -> None:
        configs = (
            KEY.config,
            KeyConfig(8, 0x0010, bytes(65), (Suite(2, 2),)),
            KeyConfig(9, 0x0020, bytes(32), (Suite(9, 9),)),
        )
        assert keys.decode(keys.encode(configs)) == configs
        assert keys.pick(configs[::-1]) == (KEY.config, SUITES[0])

    def test_kems_of_the_future_are_passed_over(self) -> None:
        future = b"\1\x64\x7a" + bytes(1200)
        data = len(future).to_bytes(2, "big") + future
        assert keys.decode(data + keys.encode((KEY.config,))) == (KEY.config,)
        with pytest.raises(KeysError) as told:
            keys.decode(data)
        assert told.value.reason == "unsupported"

    def test_a_length_that_is_none(self) -> None:
        pairs = b"\0\6\0\1\0\1\0\2"  # one and a half
        whole = b"\7\0\x20" + bytes(range(32)) + pairs
        for wrong, why in (
            (len(whole).to_bytes(2, "big") + whole, "malformed"),
            (b"\0\xff\1\x64\x7aabcd", "truncated"),
        ):
            with pytest.raises(KeysError) as told:
                keys.decode(keys.encode((KEY.config,)) + wrong)
            assert told.value.reason == why

    @pytest.mark.parametrize("wrong", [b"\0", b"\0\1\1", b"\0\x05\1\0\x20ab", b"\xff\xff", b"\0\0"])
    def test_one_wrong_key_spoils_the_list(self, wrong: bytes) -> None:
        with pytest.raises(KeysError):
            keys.decode(keys.encode((KEY.config,)) + wrong)

    def test_what_cannot_be_offered(self) -> None:
        for wrong in (
            (),
            (KEY.config, KEY.config),
            (KeyConfig(1, 0x0020, bytes(32), ()),),
            (KeyConfig(1, 0x0020, bytes(31)),),
        ):
            with pytest.raises(KeysError):
                keys.encode(wrong)
        with pytest.raises(KeysError, match="algorithms"):
            keys.pick((KeyConfig(1, 0x0010, bytes(65)), KeyConfig(1, 0x0020, bytes(32), (Suite(2, 1),))))
        for key_id, private, suites in ((256, bytes(32), SUITES), (1, bytes(31), SUITES), (1, bytes(32), ())):
            with pytest.raises(KeysError):
                NodeKey.from_private(key_id, private, suites)
        with pytest.raises(KeysError) as told:
            keys.decode(bytes(keys.MAX_BYTES + 1))
        assert told.value.reason == "too_large"

    def test_the_secret_is_not_shown(self) -> None:
        assert bytes(range(32)).hex() not in repr(KEY).replace("\\x", "")
        assert "private" not in repr(KEY)

    @settings(deadline=None)
    @given(data=st.binary(max_size=120))
    def test_any_bytes_are_keys_or_are_refused(self, data: bytes) -> None:
        for text in (data, len(data).to_bytes(2, "big") + data, b"\0\x29\1\0\x20" + data):
            try:
                found = keys.decode(text)
            except KeysError:
                continue
            assert keys.decode(keys.encode(found)) == found


@pytest.mark.parametrize("suite", SUITES)
@settings(deadline=None)
@given(request_bytes=st.binary(max_size=500), response=st.binary(max_size=500))
def test_what_is_sealed_is_opened(suite: Suite, request_bytes: bytes, response: bytes) -> None:
    node = NodeKey.from_private(200, bytes(range(1, 33)), (suite,))
    sealed, answer = seal_request((node.config,), request_bytes)
    assert len(sealed) == len(request_bytes) + REQUEST_OVERHEAD
    opened, reply = open_request((OTHER, KEY, node), sealed)
    assert opened == request_bytes
    first, second = reply.seal(response), reply.seal(response)
    assert first != second
    assert answer.open(first) == answer.open(second) == response
    assert len(first) <= len(response) + RESPONSE_OVERHEAD


@pytest.fixture(scope="module")
def exchange() -> tuple[bytes, Answer, Reply]:
    sealed, answer = seal_request((KEY.config,), b"a request")
    return sealed, answer, open_request((KEY,), sealed)[1]


@settings(deadline=None)
@given(data=st.data())
def test_one_changed_byte_and_nothing_is_opened(exchange: tuple[bytes, Answer, Reply], data: st.DataObject) -> None:
    sealed, answer, reply = exchange
    whole = bytearray(sealed if data.draw(st.booleans()) else reply.seal(b"an answer"))
    request = len(whole) == len(sealed)
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    # the top bit of an X25519 key is not looked at (RFC 7748 section 5), yet it is part of what is sealed
    with pytest.raises(SealError):
        _ = open_request((KEY,), bytes(whole)) if request else answer.open(bytes(whole))


def test_why_it_is_not_opened(exchange: tuple[bytes, Answer, Reply]) -> None:
    sealed, answer, reply = exchange
    cases: dict[str, tuple[tuple[NodeKey, ...], bytes]] = {
        "not_opened": ((OTHER,), sealed),
        "unknown_key": ((NodeKey.from_private(8, bytes(32)),), sealed),
        "unsupported": ((NodeKey.from_private(7, bytes(range(32)), RFC_SUITES[1:]),), sealed),
        "truncated": ((KEY,), sealed[:38]),
        "malformed": ((KEY,), sealed[:7] + bytes(32) + sealed[39:]),
    }
    for reason, (held, data) in cases.items():
        with pytest.raises(SealError) as told:
            open_request(held, data)
        assert told.value.reason == reason
    with pytest.raises(SealError, match="too early"):
        answer.open(reply.seal(b"")[:31])
    with pytest.raises(SealError, match="no key"):
        seal_request((KeyConfig(1, 0x0020, bytes(32)),), b"")


def test_an_answer_to_another_request_is_not_opened(exchange: tuple[bytes, Answer, Reply]) -> None:
    _, answer, _ = exchange
    other = open_request((KEY,), seal_request((KEY.config,), b"a request")[0])[1]
    with pytest.raises(SealError):
        answer.open(other.seal(b"an answer"))


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for text in (data, KEY.config.encode()[:3] + b"\0\1\0\1" + data):
        with pytest.raises(OhttpError):
            open_request((KEY,), text)
        opener = RequestOpener((KEY,))
        with pytest.raises(OhttpError):
            opener.feed(text), opener.finish()


class TestPadding:
    def test_sealed_requests_have_few_sizes(self) -> None:
        sizes = {}
        for size in (1, 1900, 2048 - REQUEST_OVERHEAD, 2048, 60_000, 65_536, 900_000, 1 << 20, 3 << 20, 5 << 20):
            sealed, _ = seal_request((KEY.config,), padding.pad_request(b"\1" * size))
            sizes[size] = len(sealed)
        assert list(sizes.values()) == [2048, 2048, 2048, 65536, 65536, 1 << 20, 1 << 20, 4 << 20, 4 << 20, 8 << 20]

    @pytest.mark.parametrize("suite", SUITES)
    def test_sealed_answers_are_whole_blocks(self, suite: Suite) -> None:
        node = NodeKey.from_private(1, bytes(range(32)), (suite,))
        sealed, _ = seal_request((node.config,), b"")
        reply = open_request((node,), sealed)[1]
        for size in (0, 65_000, 65_536, 1_500_000):
            padded = padding.pad_response(b"\1" * size)
            assert (len(padded) + RESPONSE_OVERHEAD) % padding.BLOCK == 0
            assert len(padded) + RESPONSE_OVERHEAD - size <= padding.BLOCK + RESPONSE_OVERHEAD
            assert len(reply.seal(padded)) in {len(padded) + 48, len(padded) + 32}

    @settings(deadline=None)
    @given(size=st.integers(0, 200_000))
    def test_padding_changes_nothing(self, size: int) -> None:
        message = bhttp.Response(status=200, content=bytes(size))
        data = bhttp.encode(message, short=True)
        assert bhttp.decode(padding.pad_response(data)) == bhttp.decode(padding.pad_request(data)) == message

    def test_what_is_too_large(self) -> None:
        for pad, limit in ((padding.pad_request, padding.MAX_REQUEST), (padding.pad_response, padding.MAX_RESPONSE)):
            with pytest.raises(PaddingError) as told:
                pad(bytes(limit))
            assert told.value.reason == "too_large"
