"""Picks that their user lets be counted, as statements in the log."""

from datetime import UTC, datetime

from triptych.app.statements import Statements
from triptych.spec.json import JsonObject
from triptych.spec.records import PickRecord

DAY_MS = 86_400_000


class Votes:
    """States picks. Nothing in a statement leads to a run, a tile or a picture, and its time is that of the day."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def publish(self, pick: PickRecord) -> None:
        """Signs a pick and keeps it for the log; once under its name. Raises StorageError."""
        day_ms = pick.created_ms // DAY_MS * DAY_MS
        await self._statements.publish("pick", vote(pick), pick.statement, day_ms)


def vote(pick: PickRecord) -> JsonObject:
    """What is stated of a pick: models in the order shown, indexes into them, question, kind of task and day (UTC)."""
    return {
        "day": datetime.fromtimestamp(pick.created_ms // 1000, UTC).date().isoformat(),
        "task": pick.task, "question": pick.question, "blind": pick.blind,
        "shown": [{"endpoint": picture.endpoint, "family": picture.family} for picture in pick.shown],
        "winner": pick.winner, "rejected": list(pick.rejected),
    }  # fmt: skip
