"""Whether the fee that a receipt states is what the policy declares, on each call that was billed."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from triptych.network.evidence import Line
from triptych.spec.routing import Fees
from triptych.spec.words import counted, usd

_Whole = Annotated[int, msgspec.Meta(ge=0)]


class _Cost(msgspec.Struct, frozen=True):
    amount_micro_usd: _Whole | None = None


class _Try(msgspec.Struct, frozen=True):
    billed: str = "no"
    cost: _Cost | None = None
    fee_micro_usd: _Whole = 0

    @property
    def charge(self) -> int | None:
        """What was charged for certain."""
        return self.cost.amount_micro_usd if self.billed == "yes" and self.cost is not None else None


class _Told(msgspec.Struct, frozen=True):
    fee_micro_usd: _Whole
    billed: str = ""
    cost: _Cost | None = None
    attempts: tuple[_Try, ...] = ()
    attempts_in_all: int | None = None

    @property
    def hidden(self) -> int:
        """Attempts that are counted and not listed."""
        return max(0, (self.attempts_in_all or 0) - len(self.attempts))

    @property
    def charges(self) -> list[int | None]:
        """Of each listed call that was or may have been billed; one that does not say so cost what all cost."""
        found = [one.charge for one in self.attempts if one.billed != "no"]
        alone = len(found) == 1 and not self.hidden and self.billed == "yes" and self.cost is not None
        return [self.cost.amount_micro_usd] if alone and found == [None] and self.cost is not None else found


def fee_line(payload: Mapping[str, Any], declared: Mapping[str, Any]) -> Line:
    """The stated fee against the `fees` of the policy. Where nobody knows what a call was charged its fee follows the
    estimate, and only what is too little for the others is FALSE."""
    try:
        told = msgspec.convert(payload, _Told)
        fees = Fees(**msgspec.convert(declared, dict[str, _Whole]))
    except (msgspec.ValidationError, TypeError):
        return Line("fee", "not checked", "The fees of the policy, or what they are on, cannot be read.")
    fee, unsure = told.fee_micro_usd, told.hidden + told.charges.count(None)
    known = sum(fees.on(charge) for charge in told.charges if charge is not None)
    if fees == Fees() or not unsure:
        if fee != known:
            return Line("fee", "FALSE", f"{usd(fee)} is stated; the policy declares {usd(known)}.")
    elif fee < known:
        return Line(
            "fee", "FALSE", f"{usd(fee)} is stated; the policy declares {usd(known)} on what was billed for certain."
        )
    if fees != Fees() and (wrong := _apart(told, fees, unsure)):
        return Line("fee", "FALSE", f"{usd(fee)} is stated; {wrong}.")
    if fees != Fees() and unsure:
        calls = counted(unsure, "call")
        return Line("fee", "not checked", f"{usd(fee)} is stated; the policy declares {usd(known)} of it on what was billed "
                    f"for certain. What {calls} cost is not said here, and a fee on a bill nobody knows follows the "
                    "estimate.")  # fmt: skip
    return Line("fee", "proved", f"{usd(fee)} is the fee that the policy declares.")


def _apart(told: _Told, fees: Fees, unsure: int) -> str:
    """What the attempts say otherwise than the whole; empty when they agree."""
    for number, one in enumerate(told.attempts, 1):
        right = 0 if one.billed == "no" else None if one.charge is None else fees.on(one.charge)
        if right is not None and one.fee_micro_usd != right:
            return f"the attempt listed as number {number} says {usd(one.fee_micro_usd)}, and the policy declares {usd(right)}"
    if not told.hidden and sum(one.fee_micro_usd for one in told.attempts) != told.fee_micro_usd:
        return "its attempts add up to another fee"
    stated = told.cost.amount_micro_usd if told.cost is not None else None
    if not unsure and stated is not None and sum(charge or 0 for charge in told.charges) != stated:
        return f"the charges that it is on do not add up to the cost of {usd(stated)}"
    return ""
