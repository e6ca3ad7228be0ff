// own-entropy-bound in its worst case: the entropy of a sum of contributions, by the Gaussian log-determinant.
"use strict";

Explore.entropy = (() => {
  const { atLeastZero, bitLength, ceilOf, exact, halved, log2, log2TwoPiE, minus, plus, smallest, times } =
    Explore.enclosure;

  /** Twice the entropy that a coordinate with contributions in [-top, top] carries: log2(2 pi e (r top^2/4 + 1/12)). */
  const coordinate = (r, top, precision) =>
    plus(log2TwoPiE(precision), log2(3n * r * top * top + 1n, 12n, precision));

  /** The most bits of entropy that H sums of weights and D sums of weight times value carry, enclosed. */
  function bitsOf({ r, H, p, attention }, D, precision) {
    const top = (1n << p) - 1n;
    const fine = precision + bitLength(H) + bitLength(D);
    if (attention === "uniform") return halved(times(D, coordinate(r, top, fine)));
    return halved(plus(times(H, coordinate(r, top, fine)), times(D, coordinate(r, top * top, fine))));
  }

  /** The smallest D that leaves room for r bits. */
  const minWidth = size =>
    smallest(D => atLeastZero(precision => minus(bitsOf(size, D, precision), exact(size.r))));

  /** The most entropy of a message, rounded up. */
  const messageBits = (size, D) => ceilOf(bitsOf(size, D, 64n));

  return { messageBits, minWidth };
})();
