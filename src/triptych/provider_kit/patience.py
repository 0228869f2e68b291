"""Which faults of a poll say nothing about the job, so that it is asked again."""

from triptych.http.transport import AnswerLostError
from triptych.spec.errors import NotSentError, RateLimitedError, TriptychError

_PASSING = frozenset({408, 425, 429, *range(500, 505), *range(520, 531)})
_UNREADABLE_LIMIT = 3
_UNKNOWN_LIMIT = 3
_LONGEST_WAIT_S = 15.0


class Patience:
    """Counts the faults of one job's polls. Use once per job.

    `settled` jobs are known to the provider for long; a new one may be unknown (404) for its first moments.
    """

    def __init__(self, *, settled: bool = False) -> None:
        self._settled = settled
        self._faults = 0
        self._unreadable = 0
        self._unknown = 0
        self.last_words: str | None = None

    def answered(self) -> None:
        """A poll was answered as it should be."""
        self._settled = True
        self._faults = self._unreadable = 0

    def again(self, error: TriptychError, *, understood: bool) -> bool:
        """Whether the job is asked about once more after this fault."""
        self._faults += 1
        self.last_words = error.upstream or error.message
        if isinstance(error, AnswerLostError | NotSentError | RateLimitedError) or error.status in _PASSING:
            return True
        if not understood:
            self._unreadable += 1
            return self._unreadable < _UNREADABLE_LIMIT
        if error.status == 404 and not self._settled:
            self._unknown += 1
            return self._unknown < _UNKNOWN_LIMIT
        return False

    def wait(self, after: float, error: TriptychError) -> float:
        """Seconds until then: the provider's own word, else longer and longer."""
        return max(after, error.retry_after_s or min(0.5 * 2**self._faults, _LONGEST_WAIT_S))
