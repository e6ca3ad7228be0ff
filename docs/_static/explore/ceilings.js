// Average-case ceilings, own-index-ceiling and own-planted-ceiling: accuracy <= 1 - h2^-1(max(0, 1 - M/n)).
"use strict";

Explore.ceilings = (() => {
  const { atLeastZero, ceilDivide, exact, halved, log2, minus, plus, times } = Explore.enclosure;
  const GRID_BITS = 44n;
  const DECIMALS = 6;

  /** The binary entropy of x / 2^GRID_BITS, 0 < x < 2^GRID_BITS, in bits. */
  function binaryEntropy(x, precision) {
    const one = 1n << GRID_BITS;
    const part = y => times(y, log2(one, y, precision));
    return halved(plus(part(x), part(one - x)), GRID_BITS);
  }

  /** The largest x on the grid that is below h2^-1(numerator / denominator); the ends 0 and 1 are exact. */
  function inverseBelow(numerator, denominator) {
    if (numerator === denominator) return 1n << (GRID_BITS - 1n);
    if (numerator === 0n) return 0n;
    let [low, high] = [0n, 1n << (GRID_BITS - 1n)];
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      const exceeds = atLeastZero(precision =>
        minus(times(denominator, binaryEntropy(middle, precision)), exact(numerator)),
      );
      if (exceeds) high = middle;
      else low = middle;
    }
    return low;
  }

  /**
   * The accuracy that a message allows at most on n free coordinates, as text with six decimals, rounded up.
   * The message's bits are an enclosure, of which the upper end counts.
   */
  function ceiling(message, n) {
    const whole = n << message.bits;
    const missing = message.high >= whole ? 0n : whole - message.high;
    const one = 1n << GRID_BITS;
    const share = ceilDivide((one - inverseBelow(missing, whole)) * 10n ** BigInt(DECIMALS), one);
    const text = share.toString().padStart(DECIMALS + 1, "0");
    return `${text.slice(0, -DECIMALS)}.${text.slice(-DECIMALS)}`;
  }

  return { ceiling };
})();
