import pytest
from tests.unit.router_doubles import FakeClock

from triptych.router.fold import HealthRules
from triptych.router.health import Health
from triptych.spec.errors import (
    AmbiguousError,
    AuthError,
    BadRequestError,
    BillingError,
    BlockedError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    RejectedError,
    TriptychError,
)  # fmt: skip

A = "one/a"


class Ward:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.health = Health(self.clock, HealthRules(failures_to_open=3))

    def fail(self, error: TriptychError | None, times: int = 1) -> None:
        for _ in range(times):
            self.health.begin(A, "generate")
            self.health.failed(A, "generate", error)

    def work(self, seconds: float = 8.0) -> None:
        self.health.begin(A, "generate")
        self.health.worked(A, "generate", seconds)

    @property
    def wait(self) -> float:
        return self.health.wait_s(A, "generate")

    def light(self) -> tuple[str, str]:
        (view,) = self.health.view()
        return view.state, view.sentence


@pytest.fixture
def ward() -> Ward:
    return Ward()


def test_never_used_is_known_by_nothing(ward: Ward) -> None:
    seen = ward.health.state(A, "generate")
    assert (seen.latency_ms, seen.success_per_mille, seen.in_flight, seen.open_until_ms) == (None, None, 0, None)
    assert ward.health.view() == ()
    assert ward.health.last_error(A, "generate") is None


def test_latency_is_a_mean_of_logarithms_and_forgets(ward: Ward) -> None:
    ward.work(1)
    assert ward.health.state(A, "generate").latency_ms == 1000
    ward.work(100)
    assert ward.health.state(A, "generate").latency_ms == pytest.approx(1000 * 100**0.3, abs=1)
    assert ward.light() == ("grey", "Too few to tell: 2 of the last 2 worked.")
    for _ in range(3):
        ward.work(4)
    assert ward.light() == ("green", "Takes about 4.0 s; 5 of the last 5 worked.")


def test_a_light_follows_the_share_that_worked(ward: Ward) -> None:
    ward.fail(BadRequestError("Too large."))
    assert ward.health.view() == () or ward.light()[0] == "grey"
    ward.fail(NotSentError("No route."))
    assert ward.light() == ("grey", "Too few to tell: 0 of the last 1 worked.")
    ward.fail(NotSentError("No route."))
    assert ward.light() == ("amber", "Failing: 0 of the last 2 worked. Last: No route.")
    ward.work(1)
    assert ward.light()[0] == "grey"


def test_operations_are_apart(ward: Ward) -> None:
    ward.fail(NotSentError("No route."), 3)
    assert ward.wait > 0
    assert ward.health.wait_s(A, "edit") == 0


def test_in_flight_is_counted(ward: Ward) -> None:
    ward.health.begin(A, "generate")
    ward.health.begin(A, "generate")
    ward.health.worked(A, "generate", 1)
    assert ward.health.state(A, "generate").in_flight == 1


@pytest.mark.parametrize("error", [NotSentError, OverloadedError, ProviderFailedError, AmbiguousError])
def test_failures_one_after_the_other_open_the_breaker(ward: Ward, error: type[TriptychError]) -> None:
    ward.fail(error("It broke."), 2)
    assert ward.wait == 0
    ward.fail(error("It broke."))
    assert ward.wait == 30
    assert ward.health.state(A, "generate").open_until_ms == ward.clock.now_ms() + 30_000
    assert ward.light() == ("red", "Not called for another 30 s after failures. Last: It broke.")


def test_a_success_in_between_starts_the_count_anew(ward: Ward) -> None:
    ward.fail(NotSentError("x"), 2)
    ward.work()
    ward.fail(NotSentError("x"), 2)
    assert ward.wait == 0


@pytest.mark.parametrize("error", [AuthError, BillingError])
def test_a_refused_key_opens_it_at_once(ward: Ward, error: type[TriptychError]) -> None:
    ward.fail(error("No."))
    assert ward.wait == 15


@pytest.mark.parametrize("error", [BlockedError("x"), RejectedError("x", status=400), BadRequestError("x"), None])
def test_what_is_no_fault_of_the_endpoint_does_not_count(ward: Ward, error: TriptychError | None) -> None:
    ward.fail(error, 10)
    assert ward.wait == 0
    assert ward.health.state(A, "generate").success_per_mille is None


def test_one_probe_at_a_time_after_the_cooldown_and_its_success_closes(ward: Ward) -> None:
    ward.fail(NotSentError("x"), 3)
    ward.clock.seconds += 30
    assert ward.wait == 0
    ward.health.begin(A, "generate")
    assert ward.wait == 2
    assert ward.light()[0] == "amber"
    ward.health.worked(A, "generate", 1)
    assert ward.wait == 0
    assert ward.light()[0] == "grey"  # one of four worked: too few to tell


def test_each_failed_probe_doubles_the_cooldown_up_to_the_longest(ward: Ward) -> None:
    ward.fail(NotSentError("x"), 3)
    waits = []
    for _ in range(7):
        ward.clock.seconds += ward.wait
        ward.fail(NotSentError("x"))
        waits.append(ward.wait)
    assert waits == [60, 120, 240, 480, 600, 600, 600]


def test_a_probe_that_was_stopped_leaves_the_place_to_the_next(ward: Ward) -> None:
    ward.fail(NotSentError("x"), 3)
    ward.clock.seconds += 30
    ward.fail(None)
    assert ward.wait == 0


def test_a_blocked_probe_shows_that_it_works(ward: Ward) -> None:
    ward.fail(NotSentError("x"), 3)
    ward.clock.seconds += 30
    ward.fail(BlockedError("x"))
    ward.fail(NotSentError("x"))
    assert ward.wait == 0


def test_late_failures_from_before_do_not_lengthen_an_open_breaker(ward: Ward) -> None:
    ward.fail(NotSentError("x"), 3)
    ward.clock.seconds += 10
    ward.fail(NotSentError("x"), 3)
    assert ward.wait == 20


def test_a_hint_limits_without_counting_as_sick_and_the_longer_holds(ward: Ward) -> None:
    ward.fail(RateLimitedError("Slow down.", retry_after_s=18), 5)
    ward.fail(RateLimitedError("Slow down.", retry_after_s=4))
    assert ward.wait == 18
    assert ward.light() == ("amber", "Asked us to slow down: free again in 18 s. Last: Slow down.")
    ward.clock.seconds += 18
    assert ward.wait == 0


def test_an_absurd_hint_is_bounded(ward: Ward) -> None:
    ward.fail(RateLimitedError("x", retry_after_s=1e9))
    assert ward.wait == 3600


def test_often_failing_is_amber(ward: Ward) -> None:
    for _ in range(4):
        ward.work()
        ward.fail(NotSentError("x"))
    assert ward.light()[0] == "amber"
    assert ward.health.state(A, "generate").success_per_mille == 500


def test_a_new_key_forgives_and_a_probe_can_be_allowed_early(ward: Ward) -> None:
    ward.fail(AuthError("No."))
    ward.health.forget(A)
    assert ward.wait == 0
    ward.fail(NotSentError("x"), 3)
    ward.health.allow_probe(A, "generate")
    assert ward.wait == 0
    ward.fail(NotSentError("x"))
    assert ward.wait == 60


def test_stored_attempts_are_taken_over_oldest_first(ward: Ward) -> None:
    ward.health.seed(A, "generate", [(1000, True), (90_000, False), (4000, True)])
    seen = ward.health.state(A, "generate")
    assert (seen.latency_ms, seen.success_per_mille) == (round(4000 * (1 / 4) ** 0.3), 666)
    assert ward.light()[0] == "grey"


def test_how_long_it_takes_is_learnt_here() -> None:
    health = Health(FakeClock())
    assert health.typical_seconds("a/one") is None
    for seconds in (1.2, 9.0, 2.2):
        health.begin("a/one", "generate")
        health.worked("a/one", "generate", seconds)
    assert health.typical_seconds("a/one") == (3, 9)
    assert health.typical_seconds("a/two") is None


def test_slower_than_usual_is_known_after_ten() -> None:
    health = Health(FakeClock())
    for number in range(10):
        assert not health.knows_slow("a/one"), number
        health.begin("a/one", "generate")
        health.worked("a/one", "generate", 2.0)
    assert health.knows_slow("a/one")
    assert not health.knows_slow("a/two")


def test_a_probe_that_is_answered_without_a_picture_closes_the_breaker() -> None:
    ward = Ward()
    ward.fail(OverloadedError("busy"), times=3)
    ward.clock.seconds += 31
    ward.fail(ProviderFailedError("made no picture", status=200))
    assert ward.health.state(A, "generate").open_until_ms is None
    ward.fail(OverloadedError("busy"), times=3)
    ward.clock.seconds += 31
    ward.fail(ProviderFailedError("broke", status=500))
    assert ward.health.state(A, "generate").open_until_ms is not None
