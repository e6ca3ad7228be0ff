"""Numbers of parameters as people write them: 2e9, 2B, 300M."""

from __future__ import annotations

import re
from decimal import Decimal

from experiments.suggest import clip
from theory.errors import InputError
from theory.plan import MOST

UNITS = {"": 0, "k": 3, "m": 6, "b": 9, "g": 9, "t": 12}
"""Letter -> power of ten; B and G are the same."""
_SHOWN = {0: "", 3: "k", 6: "M", 9: "B", 12: "T", 15: "P", 18: "E"}
_AMOUNT = re.compile(r"(\d[\d_,]{0,40}\.?\d{0,40}|\.\d{1,40})(?:e\+?(\d{1,3}))?([kmbgt]?)", re.IGNORECASE)


def amount(text: str, name: str) -> int:
    """The whole number that ``text`` says, exactly.

    Raises:
        InputError: for what is no such number; ``name`` is the flag it came with.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is not None:
        digits, exponent, unit = found.groups()
        value = Decimal(digits.replace(",", "").replace("_", "")).scaleb(int(exponent or 0) + UNITS[unit.lower()])
        if value == int(value) and 1 <= value <= MOST:
            return int(value)
    raise InputError(f"{name} {clip(text, 40)!r}: it takes a whole number from 1 to 1e18, such as 2e9, 2B or 300M.")


def short(value: int) -> str:
    """To three digits; without a letter from 1000 E on.

    >>> short(1_905_293_760), short(284_885_696), short(64), short(999_999), short(10**21)
    ('1.91B', '285M', '64', '1M', '1e+21')
    """
    mantissa, exponent = f"{value:.2e}".split("e")
    power = int(exponent) // 3 * 3
    if power == 0:
        return str(value)
    if power not in _SHOWN:
        return f"{value:.3g}"
    return f"{float(mantissa) * 10 ** (int(exponent) - power):.3g}{_SHOWN[power]}"
