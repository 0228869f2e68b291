"""Blind signatures against the vector of their RFC, and tokens that are counted, not linked, and used once."""

import hashlib
import json
import math
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.network import blind_rsa, tokens
from triptych.network.blind_rsa import Blinded, BlindError
from triptych.network.tokens import EPOCH_MS, Issuer, IssuerKey, Order, SpentTokens, Token, TokenError

DAY = 20_833
NOW = DAY * EPOCH_MS + 1
ISSUER, YESTERDAYS = Issuer.generate(DAY), Issuer.generate(DAY - 1)


def token(issuer: Issuer = ISSUER) -> Token:
    order = Order.new(issuer.key)
    return order.finish(issuer.sign(order.sent))


TOKEN = token()


VECTOR = json.loads((Path(__file__).parents[2] / "vectors/blind_rsa.json").read_text("utf-8"))
NUMBER = {name: int(VECTOR[name], 16) for name in ("p", "q", "e", "inv")}
DATA = {name: bytes.fromhex(text) for name, text in VECTOR.items() if name not in {"source", "e"}}


class TestRfc9474:
    """Appendix A.1: every value of the exchange."""

    @staticmethod
    @cache  # making it tests its primes
    def key() -> rsa.RSAPrivateKey:
        p, q, e = (NUMBER[name] for name in "pqe")
        d = pow(e, -1, math.lcm(p - 1, q - 1))
        public = rsa.RSAPublicNumbers(e, p * q)
        return rsa.RSAPrivateNumbers(
            p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
        ).private_key()

    def blinded(self) -> Blinded:
        n = NUMBER["p"] * NUMBER["q"]
        r = pow(NUMBER["inv"], -1, n)
        prepared = blind_rsa.prepare(DATA["msg"], random=lambda _: DATA["msg_prefix"])
        return blind_rsa.blind(self.key().public_key(), prepared, random=lambda _: DATA["salt"], below=lambda _: r - 1)

    def test_what_is_encoded(self) -> None:
        found = blind_rsa._encode(DATA["msg_prefix"] + DATA["msg"], 4095, DATA["salt"])
        assert found == DATA["encoded_msg"]

    def test_what_is_blinded(self) -> None:
        found = self.blinded()
        assert (found.sent, found.inverse) == (DATA["blinded_msg"], NUMBER["inv"])

    def test_what_is_signed(self) -> None:
        assert blind_rsa.sign(self.key(), DATA["blinded_msg"]) == DATA["blind_sig"]

    def test_what_comes_out(self) -> None:
        found = blind_rsa.finalize(self.key().public_key(), self.blinded(), DATA["blind_sig"])
        assert found == DATA["sig"]


def test_the_signer_hides_its_numbers_from_a_stopwatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The private exponents are never used as they are, nor is what came in raised to them as it is."""
    seen: list[tuple[int, int]] = []

    def watched(base: int, exponent: int, modulus: int) -> int:
        seen.append((base, exponent))
        return pow(base, exponent, modulus)

    monkeypatch.setattr(blind_rsa, "pow", watched, raising=False)
    order = Order.new(ISSUER.key)
    seen.clear()
    first = ISSUER.sign(order.sent)
    numbers = ISSUER.private.private_numbers()
    raised = [(base, exponent) for base, exponent in seen if exponent > 65537]
    assert len(raised) == 2
    assert not {exponent for _, exponent in raised} & {numbers.d, numbers.dmp1, numbers.dmq1}
    assert int.from_bytes(order.sent, "big") not in {base for base, _ in raised}
    assert ISSUER.sign(order.sent) == first


def test_a_signature_that_came_out_wrong_is_not_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(base: int, exponent: int, modulus: int) -> int:
        return pow(base, exponent, modulus) ^ (exponent.bit_length() > 1000)

    monkeypatch.setattr(blind_rsa, "pow", faulty, raising=False)
    with pytest.raises(BlindError, match="came out wrong"):
        blind_rsa.sign(ISSUER.private, b"\1" * 256)


@pytest.mark.parametrize("wrong", [b"", b"\1", bytes(256), b"\xff" * 256, b"\1" * 257])
def test_what_is_no_number_of_the_key(wrong: bytes) -> None:
    with pytest.raises(TokenError):
        ISSUER.sign(wrong)
    with pytest.raises(TokenError):
        Order.new(ISSUER.key).finish(wrong)


def test_a_number_that_does_not_blind() -> None:
    p = ISSUER.private.private_numbers().p
    with pytest.raises(BlindError, match="take another"):
        blind_rsa.blind(ISSUER.key.public, b"x", below=lambda _: p - 1)
    with pytest.raises(BlindError, match="take another"):
        blind_rsa.sign(ISSUER.private, b"\1" * 256, below=lambda _: p - 1)


def test_a_token_counts_and_shows_nothing_of_its_order() -> None:
    order = Order.new(ISSUER.key)
    answer = ISSUER.sign(order.sent)
    found = order.finish(answer)
    tokens.check(found, ISSUER.key)
    seen = order.sent + answer
    data = found.encode()
    assert not any(data[at : at + 8] in seen for at in range(4, len(data) - 8))
    assert Token.decode(data) == found
    assert len(data) == 4 + 32 + 32 + 32 + 256


def test_a_token_is_of_one_hub_and_one_day() -> None:
    for key in (YESTERDAYS.key, IssuerKey.read(DAY + 1, ISSUER.key.der), Issuer.generate(DAY).key):
        with pytest.raises(TokenError, match="another"):
            tokens.check(TOKEN, key)
    order = Order.new(ISSUER.key)
    with pytest.raises(TokenError, match="did not sign"):
        order.finish(YESTERDAYS.sign((1).to_bytes(256, "big")))


@settings(deadline=None)
@given(at=st.integers(0, 355), bit=st.integers(0, 7))
def test_not_one_bit_of_a_token_can_be_changed(at: int, bit: int) -> None:
    data = bytearray(TOKEN.encode())
    data[at] ^= 1 << bit
    with pytest.raises(TokenError):
        tokens.check(Token.decode(bytes(data)), ISSUER.key)


@settings(deadline=None)
@given(data=st.binary(max_size=700))
def test_any_bytes_are_no_token_of_the_hub(data: bytes) -> None:
    with pytest.raises(TokenError):
        tokens.check(Token.decode(data), ISSUER.key)
    with pytest.raises(TokenError):
        IssuerKey.read(DAY, data)
    with pytest.raises(TokenError):
        Issuer.read(DAY, data)


class TestSpent:
    def test_each_counts_once(self) -> None:
        spent = SpentTokens()
        spent.spend(TOKEN, ISSUER.key, NOW)
        for again in (TOKEN, Token.decode(TOKEN.encode())):
            with pytest.raises(TokenError, match="before"):
                spent.spend(again, ISSUER.key, NOW)
        spent.spend(token(), ISSUER.key, NOW)
        assert len(spent) == 2

    def test_it_is_not_forgotten_in_a_restart(self) -> None:
        spent = SpentTokens()
        spent.spend(TOKEN, ISSUER.key, NOW)
        with pytest.raises(TokenError, match="before"):
            SpentTokens.load(spent.dump()).spend(TOKEN, ISSUER.key, NOW)

    def test_yesterdays_count_today_and_the_day_before_is_forgotten(self) -> None:
        spent, old = SpentTokens(), token(YESTERDAYS)
        spent.spend(old, YESTERDAYS.key, NOW)
        for now in (NOW + EPOCH_MS, NOW - 2 * EPOCH_MS):
            with pytest.raises(TokenError, match="today or yesterday"):
                spent.spend(old, YESTERDAYS.key, now)
        assert len(spent) == 1
        spent.spend(TOKEN, ISSUER.key, NOW + EPOCH_MS)
        assert list(spent.dump()) == [DAY]

    def test_a_token_that_does_not_hold_takes_no_room(self) -> None:
        spent = SpentTokens()
        with pytest.raises(TokenError):
            spent.spend(Token(DAY, ISSUER.key.id, bytes(32), bytes(32), bytes(256)), ISSUER.key, NOW)
        assert len(spent) == 0


class TestKeys:
    def test_a_key_can_be_kept(self) -> None:
        again = Issuer.read(DAY, ISSUER.secret())
        assert again.key == ISSUER.key
        assert IssuerKey.read(DAY, ISSUER.key.der).id == ISSUER.key.id == hashlib.sha256(ISSUER.key.leaf).digest()
        assert "private" not in repr(ISSUER)
        assert json.loads(ISSUER.key.leaf)["epoch"] == DAY

    @pytest.mark.parametrize(("bits", "e"), [(1024, 65537), (2048, 3), (2050, 65537)])
    def test_a_weak_or_a_strange_key_is_refused(self, bits: int, e: int) -> None:
        der = (
            rsa.generate_private_key(e, bits).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
        with pytest.raises(TokenError, match="cannot be used"):
            IssuerKey.read(DAY, der)

    def test_a_key_of_another_kind(self) -> None:
        other = ed25519.Ed25519PrivateKey.generate()
        with pytest.raises(TokenError, match="RSA"):
            IssuerKey.read(DAY, other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        with pytest.raises(TokenError, match="RSA"):
            Issuer.read(DAY, other.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(TokenError, match="one day"):
            IssuerKey.read(-1, ISSUER.key.der)

    def test_a_day(self) -> None:
        assert tokens.epoch_at(DAY * EPOCH_MS - 1) == DAY - 1
        assert tokens.epoch_at(DAY * EPOCH_MS) == DAY
