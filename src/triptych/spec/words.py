"""Numbers in sentences: moments, amounts and counts as people write them, the same in every language."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999  # the end of the year 9999


def utc(ms: int) -> str:
    """A moment in milliseconds since 1970 as a date, e.g. `2026-11-21 18:37:36.120 UTC`; the fraction only where there is
    one."""
    if not 0 <= ms <= _LAST_MS:
        return f"{ms} milliseconds after 1970"
    whole = _EPOCH + timedelta(milliseconds=ms)
    fraction = f".{ms % 1000:03d}" if ms % 1000 else ""
    return f"{whole:%Y-%m-%d %H:%M:%S}{fraction} UTC"


def usd(amount_micro_usd: int) -> str:
    """Micro-dollars as people write them: at least two decimals, as many as needed."""
    dollars, rest = divmod(amount_micro_usd, 1_000_000)
    return f"${dollars}.{f'{rest:06d}'.rstrip('0').ljust(2, '0')}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 picture`, `2 pictures`; `many` where it is not `one` with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
