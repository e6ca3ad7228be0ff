"""The largest book that is recalled, among given sizes, by bisection."""

from __future__ import annotations

from collections.abc import Sequence


class Bisection:
    """Asks for the share recalled of one size at a time; supposes that who recalls a book recalls smaller ones.

    >>> search = Bisection((100, 200, 400), threshold=0.9)
    >>> while (size := search.next()) is not None:
    ...     search.tell(1.0 if size <= 200 else 0.5)
    >>> search.largest, search.told
    (200, {'200': 1.0, '400': 0.5})
    """

    def __init__(self, sizes: Sequence[int], threshold: float) -> None:
        self.sizes, self.threshold = tuple(sizes), threshold
        self.told: dict[str, float] = {}
        """Size (as text, for JSON) -> share recalled, in the order of asking."""
        self._recalled, self._lost = 0, len(self.sizes) + 1  # how many of the smallest are recalled: from, below

    def next(self) -> int | None:
        """The size to try, None when the search has ended."""
        if self._lost - self._recalled < 2:
            return None
        return self.sizes[(self._recalled + self._lost) // 2 - 1]

    def tell(self, share: float) -> None:
        """The ``share`` recalled of the book of the size asked for last."""
        size = self.next()
        assert size is not None
        self.told[str(size)] = share
        number = self.sizes.index(size) + 1
        if share > self.threshold:
            self._recalled = number
        else:
            self._lost = number

    @property
    def largest(self) -> int:
        """The largest size of which more than the threshold was recalled; 0 if of none."""
        return self.sizes[self._recalled - 1] if self._recalled else 0
