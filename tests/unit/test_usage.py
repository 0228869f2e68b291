"""Usage out of a log: what is counted, what is refused, and that two people get the same bytes."""

import csv
import io
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cli_tools import Cli, cli_on
from tests.unit.usage_tools import DAY_ONE, OTHER, SIGNER, TRUST, entry, files, payload, pick, put

from triptych.catalog import load_cards
from triptych.network import statement
from triptych.network.usage.entry import Other, Request, read_entry
from triptych.network.usage.formats import COLUMNS, as_csv, as_json, as_parquet
from triptych.network.usage.reading import Counting, usage
from triptych.network.usage.report import Report, Row, percentile, share, wilson
from triptych.network.usage.tally import Numbers
from triptych.network.usage.weights import table
from triptych.providers import row_cards
from triptych.tlog.client import Fetch
from triptych.tlog.errors import TlogError
from triptych.tlog.policy import TrustPolicy

A, B, SMALL, PAINTER = "openai/gpt-image-2", "aihorde/z-image-turbo", "relay/picture", "demo/woodcut"


def fetcher(found: dict[str, bytes]) -> Fetch:
    async def fetch(name: str) -> bytes | None:
        return found.get(name)

    return fetch


def sample() -> list[bytes]:
    """Two models over two months, one that is too small, a painter, every end of a request, an unknown kind."""
    said = [payload(seq, A, DAY_ONE + seq % 2) for seq in range(24)]
    said += [payload(seq, A, DAY_ONE + 40) for seq in range(24, 36)]
    said += [payload(seq, B, served={"endpoint": B, "lane": "community", "model": "z"}, billed="no", cost=None)
             for seq in range(36, 48)]  # fmt: skip
    said += [payload(seq, SMALL) for seq in range(48, 51)]
    said += [payload(seq, PAINTER, billed="no", cost=None) for seq in range(51, 62)]
    said[0] |= {"state": "blocked", "billed": "no"}
    said[1] |= {"state": "failed", "billed": "no"}
    said[2] |= {"state": "lost", "billed": "unknown"}
    said[3] |= {"decision": {"picked": B}}  # another was the first choice
    said[4] |= {"attempts": [{"number": 1, "endpoint": B, "outcome": "failed", "ms": 5},
                             {"number": 2, "endpoint": A, "outcome": "done", "ms": 900}], "attempts_in_all": 2}  # fmt: skip
    return [*map(entry, said), *(pick(n, A, B) for n in range(11)), b"something else"]


async def of(entries: list[bytes], least: int = 10) -> Report:
    return await usage(fetcher(files(entries)), TRUST, least)


def row(report: Report, name: str, period: str = "all", by: str = "model", part: str = "models") -> Row:
    (found,) = [r for r in report.rows if (r.part, r.period, r.by, r.name) == (part, period, by, name)]
    return found


async def test_every_measure() -> None:
    report = await of(sample())
    assert (report.models, report.painters, report.picks, report.others) == (51, 11, 11, {"unknown": 1})
    whole = row(report, "all", by="all")
    assert (whole.requests, whole.share_bp, whole.done, whole.blocked, whole.failed, whole.lost) == (
        51, 10_000, 48, 1, 1, 1,
    )  # fmt: skip
    a = row(report, A, "2026-11")
    assert (a.requests, a.done_bp, a.blocked_bp, a.failed_bp) == (24, 8750, 417, 833)
    assert (a.fallbacks, a.attempts, a.p50_ms, a.p95_ms) == (2, 25, 100, 100)
    assert (a.spend_micro_usd, a.spend_unknown, a.fee_micro_usd, a.weights) == (210_000, 1, 0, "closed")
    assert row(report, A).p95_ms == 100
    assert row(report, "other", by="lane").requests == 12 + 3  # the small one had to go somewhere
    assert row(report, "all", by="all", part="painters").requests == 11
    assert row(report, A, part="preferences").win_bp == 10_000


async def test_a_small_group_pulls_the_smallest_other_into_the_rest() -> None:
    report = await of(sample())
    november = [r for r in report.rows if (r.part, r.period, r.by) == ("models", "2026-11", "model")]
    assert [(r.name, r.requests) for r in november] == [(A, 24), ("other", 15)]
    everything = await of(sample(), least=1)
    assert row(everything, SMALL).requests == 3
    assert (await of(sample(), least=100)).rows == ()


async def test_two_people_get_the_same_bytes_and_all_formats_the_same_numbers() -> None:
    one, two = await of(sample()), await of(sample())
    assert as_json(one) == as_json(two)
    assert as_csv(one.rows) == as_csv(two.rows)
    assert as_parquet(one.rows) == as_parquet(two.rows)
    listed = [[getattr(r, name) for name in COLUMNS] for r in one.rows]
    assert [[r[name] for name in COLUMNS] for r in json.loads(as_json(one))["rows"]] == listed
    read = list(csv.reader(io.StringIO(as_csv(one.rows).decode())))
    assert read[0] == list(COLUMNS)
    assert read[1:] == [["" if v is None else str(v) for v in line] for line in listed]
    assert parquet(as_parquet(one.rows)) == listed


def parquet(data: bytes) -> list[list[Any]]:
    from arro3.io import read_parquet

    found = read_parquet(io.BytesIO(data)).read_all()
    columns = {name: found.column(name).to_pylist() for name in found.column_names}
    return [list(line) for line in zip(*(columns[name] for name in COLUMNS), strict=True)]


async def test_counting_goes_on_where_it_stopped_and_comes_to_the_same() -> None:
    entries = sample() * 5  # more than one bundle; repeated receipts count once
    found = files(entries[:100])
    counting = Counting(fetcher(found), TRUST)
    told: list[tuple[int, int]] = []

    async def tell(done: int, of_: int) -> None:
        told.append((done, of_))

    await counting.follow(tell)
    found.clear()
    found.update(files(entries))
    await counting.follow(tell)
    assert told == [(100, 100), (256, 370), (370, 370)]
    assert as_json(await counting.report()) == as_json(await of(entries))
    assert (await of(entries)).others["repeated receipt"] == 62 * 4


async def test_the_first_entries_of_a_longer_log_are_the_log_of_then() -> None:
    entries = sample()
    then = await usage(fetcher(files(entries)), TRUST, first=60)
    assert as_json(then) == as_json(await of(entries[:60]))
    with pytest.raises(TlogError, match="not 75"):
        await usage(fetcher(files(entries)), TRUST, first=75)


async def test_a_log_that_was_rewritten_is_refused() -> None:
    entries = sample()
    found = files(entries)
    counting = Counting(fetcher(found), TRUST)
    await counting.follow()
    found.update(files([*entries[1:], entry(payload(99, A)), entry(payload(100, A))]))
    with pytest.raises(TlogError):
        await counting.follow()


@pytest.mark.parametrize("name", ["tile/entries/000.p/74", "tile/0/000.p/74", "checkpoint"])
async def test_one_changed_byte_of_any_file_is_refused(name: str) -> None:
    found = files(sample())
    for at in range(0, len(found[name]), max(1, len(found[name]) // 60)):
        data = found[name]
        changed = {**found, name: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]}
        with pytest.raises(TlogError):
            await usage(fetcher(changed), TRUST)


async def test_without_a_policy_the_key_of_the_entries_is_believed_and_no_other() -> None:
    assert (await usage(fetcher(files(sample())))).log.origin == "example.com/log"
    with pytest.raises(TlogError, match="say whom you trust"):
        await usage(fetcher(files(sample(), OTHER)))
    with pytest.raises(TlogError):
        await usage(fetcher(files(sample())), TrustPolicy(logs=(OTHER.key,)))


def test_entries_that_are_no_receipt_are_named() -> None:
    good = entry(payload(1, A))
    assert isinstance(read_entry(good), Request)
    assert read_entry(good[:-9] + (b"A" if good[-9:-8] != b"A" else b"B") + good[-8:]) == Other("broken receipt")
    assert read_entry(entry(payload(1, A, attempts="none"))) == Other("broken receipt")
    assert read_entry(entry(payload(1, A, issued_ms=-1))) == Other("broken receipt")
    assert read_entry(b"a.b.c") == Other("unknown")
    health: Any = {"endpoint": A, "act": "forget"}
    assert read_entry(statement.sign("health", health, SIGNER, name="s", issued_ms=1).encode()) == Other(
        "statement health"
    )


def test_the_table_of_weights_knows_every_card_and_agrees_with_its_licence() -> None:
    cards = [*load_cards(), *row_cards()]
    known = {card.id: table().of(card.id) for card in cards}
    assert [name for name, kind in known.items() if kind == "unknown"] == []
    assert {card.id for card in cards if not card.is_ai} == table().painters
    assert [card.id for card in cards if card.license and card.is_ai and known[card.id] != "open"] == []


@given(st.lists(st.integers(0, 30)))
def test_numbers_are_a_set(numbers: list[int]) -> None:
    found, seen = Numbers(), set[int]()
    for number in numbers:
        assert found.add(number) == (number not in seen)
        seen.add(number)
    assert found.missing == (max(seen) - min(seen) + 1 - len(seen) if seen else 0)


@given(st.integers(1, 10**6), st.data())
def test_the_interval_holds_the_rate_and_is_wilsons(of_: int, data: st.DataObject) -> None:
    wins = data.draw(st.integers(0, of_))
    low, high = wilson(wins, of_)
    rate, z = Fraction(wins, of_), Fraction(196, 100)
    assert 0 <= low <= (share(wins, of_) or 0) <= high <= 10_000

    def outside(p: Fraction) -> bool:
        return (p - rate) ** 2 >= z**2 * p * (1 - p) / of_

    low_, high_ = Fraction(low, 10_000), Fraction(high, 10_000)
    assert outside(low_)
    assert outside(high_)
    inner = min(low_ + Fraction(1, 10_000), rate), max(high_ - Fraction(1, 10_000), rate)
    assert all(p in {0, 1} or (p - rate) ** 2 <= z**2 * p * (1 - p) / of_ for p in inner)


def test_percentiles_by_nearest_rank() -> None:
    assert [percentile(list(range(1, 11)), p) for p in (50, 95)] == [5, 10]
    assert [percentile([15, 20, 35, 40, 50], p) for p in (5, 30, 40, 50, 100)] == [15, 20, 20, 35, 50]
    assert percentile([], 50) is None


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    with cli_on(tmp_path / "data", monkeypatch, capsys) as found:
        yield found


def test_the_command(cli: Cli, tmp_path: Path) -> None:
    log = put(tmp_path / "log", files(sample()))
    (tmp_path / "trust").write_text(f"log {SIGNER.key}\nquorum none\n")
    said = cli("stats", "--from", str(log), "--policy", str(tmp_path / "trust"))
    assert said.code == 0, said.err
    assert "74 entries, all of them checked" in said.out
    assert A in said.out
    assert "commercial" in said.out
    assert "1 × unknown" in said.out
    assert said.err == ""
    assert "say whom you trust" in cli("stats", "--from", str(log)).err
    months = json.loads(cli("stats", "--from", str(log), "--month", "--format", "json").out)
    assert {r["period"] for r in months["rows"]} == {"2026-11", "2026-12"}
    days = cli("stats", "--from", str(log), "--day", "--format", "csv").out.splitlines()
    assert {line.split(",")[1] for line in days[1:]} == {"2026-11-01", "2026-11-02", "2026-12-11"}
    assert cli("stats", "--from", str(log), "--format", "parquet", "--output", str(tmp_path / "x")).code == 0
    assert len(parquet((tmp_path / "x").read_bytes())) > 10


def test_the_command_refuses(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = files(sample())
    name = next(n for n in found if "entries" in n)
    at = found[name].index(b".") + 40
    bad = put(tmp_path / "bad", {**found, name: found[name][:at] + b"#" + found[name][at + 1 :]})
    said = cli("stats", "--from", str(bad))
    assert said.code == 1
    assert "This log is refused" in said.err
    assert cli("stats", "--from", str(tmp_path / "gone")).code == 2
    good = put(tmp_path / "good", found)
    (tmp_path / "data" / "tlog").mkdir(parents=True)
    (tmp_path / "data" / "tlog" / "public").symlink_to(good)
    said = cli("stats", "--from", str(tmp_path / "data"))
    assert (said.code, "Did you mean" in said.err) == (2, True)
    said = cli("stats", "--from", str(good), "--entries", "99999")
    assert (said.code, "--entries is 99999" in said.err) == (2, True)
    said = cli("stats", "--from", "http://127.0.0.1:1")
    assert (said.code, "does not answer" in said.err, "provider" in said.err) == (2, True, False)
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    said = cli("stats", "--from", str(good), "--format", "parquet")
    assert (said.code, "triptych[parquet]" in said.err) == (2, True)
