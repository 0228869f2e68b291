"""Fees as receipts state them, against what a policy declares: for `triptych verify` and for the page."""

from typing import Any

NONE = {"per_mille": 0, "per_request_micro_usd": 0}
FEES = {"per_mille": 25, "per_request_micro_usd": 500}  # on a charge of 40,000: 1,000 and 500


def tried(billed: str = "yes", amount: int | None = 40_000, fee: int = 1_500) -> dict[str, Any]:
    """One attempt as a receipt lists it."""
    cost = {"cost": {"amount_micro_usd": amount, "source": "provider"}}
    return {"billed": billed, **(cost if billed != "no" else {}), **({"fee_micro_usd": fee} if fee else {})}


def told(fee: int, *attempts: dict[str, Any], cost: int | None = 40_000, **more: Any) -> dict[str, Any]:
    """What a receipt says that the fee is on."""
    billed = "yes" if any(one["billed"] == "yes" for one in attempts) else "unknown" if attempts else "no"
    return {"fee_micro_usd": fee, "billed": billed, "cost": {"amount_micro_usd": cost, "source": "provider"},
            "attempts": list(attempts), "attempts_in_all": len(attempts), **more}  # fmt: skip


_LARGE, _LARGE_FEE = 9_007_199_254_740_971, 8_998_192_055_486_232  # 64-bit floats give one more for this fee
_FINE = {"per_mille": 999, "per_request_micro_usd": 2}
UNBILLED, UNTOLD = tried("no", None, 0), tried("unknown", None)
CASES: list[tuple[dict[str, Any], dict[str, int], str, str]] = [
    (told(0, tried(fee=0)), NONE, "proved", "$0.00 is the fee that the policy declares."),
    (told(1, tried(fee=1)), NONE, "FALSE", "$0.000001 is stated; the policy declares $0.00."),
    (told(1_500, tried()), FEES, "proved", "$0.0015 is the fee that the policy declares."),
    (told(0, tried(fee=0)), FEES, "FALSE", "$0.00 is stated; the policy declares $0.0015."),
    (told(1_501, tried(fee=1_501)), FEES, "FALSE", "the policy declares $0.0015."),
    (told(1_499, tried(fee=1_499)), FEES, "FALSE", "the policy declares $0.0015."),
    (told(1_500, tried(amount=40_039), cost=40_039), FEES, "proved", "the fee that"),  # rounded down
    (told(0, tried(amount=0, fee=0), cost=0), FEES, "proved", "the fee that"),  # nothing was charged
    (told(500, tried(amount=0, fee=500), cost=0), FEES, "FALSE", "declares $0.00."),
    (told(0, UNBILLED, cost=0), FEES, "proved", "the fee that"),
    (told(500, {**UNBILLED, "fee_micro_usd": 500}, cost=0), FEES, "FALSE", "declares $0.00."),
    (told(1_500, UNBILLED, tried()), FEES, "proved", "the fee that"),
    (told(3_000, tried(), tried(), cost=80_000), FEES, "proved", "the fee that"),
    (told(1_500, tried(), tried(), cost=80_000), FEES, "FALSE", "declares $0.003."),
    (told(1_500, tried(fee=1_000), {**UNBILLED, "fee_micro_usd": 500}), FEES, "FALSE", "number 1 says $0.001"),
    (told(1_500, tried(), cost=80_000), FEES, "FALSE", "do not add up to the cost of $0.08"),
    (told(3_000, tried(), UNTOLD, cost=None), FEES, "not checked", "$0.0015 of it on what was billed for certain. What 1 call cost"),
    (told(1_499, tried(fee=1_499), tried("unknown", None, 0), cost=None), FEES, "FALSE", "on what was billed for certain."),
    (told(3_000, tried(), tried("unknown", None, 0), cost=None), FEES, "FALSE", "add up to another fee"),
    (told(1_500, UNTOLD, cost=None), FEES, "not checked", "What 1 call cost is not said here"),
    (told(0, tried("unknown", None, 0), cost=None), NONE, "proved", "the fee that"),
    (told(9_000, tried(), attempts_in_all=22), FEES, "not checked", "What 21 calls cost"),
    (told(1_500, {"billed": "yes", "fee_micro_usd": 1_500}), FEES, "proved", "the fee that"),  # costs what all cost
    (told(1_500, {"billed": "yes", "cost": {"amount_micro_usd": -1}}), FEES, "not checked", "cannot be read"),
    (told(1_500, {"billed": "yes", "fee_micro_usd": "x"}), FEES, "not checked", "cannot be read"),
    (told(0), FEES, "FALSE", "do not add up to the cost"),
    (told(_LARGE_FEE, tried(amount=_LARGE, fee=_LARGE_FEE), cost=_LARGE), _FINE, "proved", "$8998192055.486232 is the fee"),
    (told(_LARGE_FEE + 1, tried(amount=_LARGE, fee=_LARGE_FEE + 1), cost=_LARGE), _FINE, "FALSE", "declares $8998192055.486232."),
    (told(_LARGE, tried(amount=_LARGE, fee=_LARGE)), NONE, "FALSE", "$9007199254.740971 is stated"),
    (told(0, cost=0), FEES, "proved", "the fee that"),
]  # fmt: skip
"""What a receipt says, the fees of its policy, the verdict, and words of the detail."""
