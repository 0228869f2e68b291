"""Powers of two in whole numbers, the way back from `draw.log2_fixed`: every language with big integers gets the same
bits.

An exponent is a whole number of 2^-32. 2^f for the fraction f is the product of 2^(1/2), 2^(1/4), 2^(1/8), ... for each bit
of f that is set, the greatest first. These roots have 62 bits after the point: the first is the whole-number square root of
2 * 2^124, and each further one that of the one before times 2^62. Each product is shifted right by 62, rounded down.
"""

from math import isqrt

from triptych.router.draw import FRACTION_BITS

_POINT = 62
ONE = 1 << _POINT
_FRACTION = (1 << FRACTION_BITS) - 1


def _roots() -> tuple[int, ...]:
    roots = [2 << _POINT]
    for _ in range(FRACTION_BITS):
        roots.append(isqrt(roots[-1] << _POINT))
    return tuple(roots[1:])


_ROOTS = _roots()


def exp2_fixed(exponent: int) -> int:
    """2^(exponent / 2^32), rounded to the nearest whole number; `exponent` is not negative."""
    return ((_mantissa(exponent) << (exponent >> FRACTION_BITS)) + ONE // 2) >> _POINT


def halved(value: int, elapsed: int, half_life: int) -> int:
    """What is left of a value that halves in each `half_life`, rounded down. None of them is negative."""
    exponent = (elapsed << FRACTION_BITS) // half_life
    # Beyond as many halvings as the value has bits nothing is left; so no shift grows without end.
    if exponent >> FRACTION_BITS >= value.bit_length():
        return 0
    return ((value << _POINT) // _mantissa(exponent)) >> (exponent >> FRACTION_BITS)


def _mantissa(exponent: int) -> int:
    """2 to the fraction of the exponent, times 2^62."""
    fraction, product = exponent & _FRACTION, ONE
    for place, root in enumerate(_ROOTS, start=1):
        if fraction >> (FRACTION_BITS - place) & 1:
            product = product * root >> _POINT
    return product
