// own-pattern-bound: 2^r <= C(nr, D) C(r, D), whatever the precision, with C(m, k) = sum_{j<=k} binom(m, j).
"use strict";

Explore.pattern = (() => {
  const {
    atLeastZero, between, bitLength, ceilDivide, ceilOf, exact, halved, log2, log2E, log2TwoPiE, minus, plus, smallest,
    times,
  } = Explore.enclosure;
  // As in theory/bounds/pattern.py: where cells are counted one by one, and where a case left open is let pass.
  const COUNTED_DIMENSION = 4096n;
  const DECIDED_BY_COUNT = 64n;
  const COUNTED_AT_ALL = 65536n;
  const MOST_TERMS = 4096;

  /** C(m, k): the most cells that m hyperplanes cut k-space into. */
  function cells(m, k) {
    if (k >= m) return 1n << m;
    let [total, term] = [1n, 1n];
    for (let j = 1n; j <= k; j++) {
      term = (term * (m - j + 1n)) / j;
      total += term;
    }
    return total;
  }

  /**
   * log2 n!: Stirling's series, whose partial sums lie in turn above and below:
   * n! = sqrt(2 pi n) (n/e)^n e^t with 1/(12n) - 1/(360 n^3) < t < 1/(12n).
   */
  function log2Factorial(n, precision) {
    const fine = precision + bitLength(n);
    const e = log2E(fine);
    const below = ((30n * n ** 2n - 1n) * e.low) / (360n * n ** 3n);
    const remainder = { low: below, high: ceilDivide(e.high, 12n * n), bits: e.bits };
    const root = halved(plus(log2TwoPiE(fine), times(-1n, e), log2(n, 1n, fine)));
    return plus(times(n, minus(log2(n, 1n, fine), e)), root, remainder);
  }

  const log2Binomial = (m, k, precision) =>
    minus(log2Factorial(m, precision), plus(log2Factorial(k, precision), log2Factorial(m - k, precision)));

  /** log2 C(m, k); beyond the counted dimension binom(m, k) <= C(m, k) <= binom(m, k) (m-k+1)/(m-2k+1). */
  function log2Cells(m, k, counted, precision = 64n) {
    if (k >= m) return exact(m);
    if (k <= counted) return log2(cells(m, k), 1n, precision);
    if (2n * k >= m) return { low: m - 1n, high: m, bits: 0n };
    const largest = log2Binomial(m, k, precision);
    const above = plus(largest, log2(m - k + 1n, m - 2n * k + 1n, precision));
    return capped(between(largest, above), m);
  }

  /** The same, closer: C(m, k) / binom(m, k) = 1 + k/(m-k+1) + ... is summed, and only its tail is bounded. */
  function closerLog2Cells(m, k, precision = 64n) {
    if (k <= DECIDED_BY_COUNT || 2n * k >= m) return log2Cells(m, k, DECIDED_BY_COUNT, precision);
    const one = 1n << precision;
    let [term, total, j] = [one, 0n, 0n];
    while (term > 0n && j < MOST_TERMS && j <= k) {
      total += term;
      term = (term * (k - j)) / (m - k + 1n + j);
      j += 1n;
    }
    // Terms shrink by k/(m-k+1) at least; each rounding is inherited by all later terms, hence j units a term.
    const tail = ceilDivide((term + j + 1n) * (m - k + 1n), m - 2n * k + 1n);
    const above = total + j * (j + 1n) + tail;
    const largest = log2Binomial(m, k, precision);
    return between(plus(largest, log2(total, one, precision)), plus(largest, log2(above, one, precision)));
  }

  const capped = (number, most) => {
    const top = most << number.bits;
    return { ...number, high: number.high < top ? number.high : top };
  };

  /** Hyperplanes: hidden units of all experts and the differences of a linear top-1 router's rows. */
  const units = ({ h, K }) => K * h + (K * (K - 1n)) / 2n;
  const dimensionOf = ({ attention }, D) => D + (attention === "softmax" ? 1n : 0n);
  const byWarren = ({ attention, H }) => attention === "softmax" && H > 1n;

  /** Several softmax heads: Warren's bound (16 e^2 H^2 n r^2 / k^2)^k for k = D + H <= r, and 2^r patterns beyond. */
  function warren(size, D, precision) {
    const { r, H } = size;
    const k = D + H;
    if (k > r) return exact(r);
    const fine = precision + bitLength(k);
    const base = plus(log2(16n * H * H * units(size) * r * r, k * k, fine), times(2n, log2E(fine)));
    return times(k, base);
  }

  /** Enclosed bits that name one of the answer patterns a model can show; a low `counted` is quicker and less close. */
  function bitsOf(size, D, counted = COUNTED_DIMENSION) {
    if (byWarren(size)) return warren(size, D, 64n);
    const k = dimensionOf(size, D);
    return plus(log2Cells(units(size) * size.r, k, counted), log2Cells(size.r, k, counted));
  }

  function suffices(size, D) {
    const { r } = size;
    if (byWarren(size)) return atLeastZero(precision => minus(warren(size, D, precision), exact(r)));
    const [m, k] = [units(size) * r, dimensionOf(size, D)];
    const spare = (count, ...rest) => minus(plus(count(m, k, ...rest), count(r, k, ...rest)), exact(r));
    let { low, high } = spare(log2Cells, DECIDED_BY_COUNT);
    if (low >= 0n || high < 0n) return low >= 0n;
    if (k > COUNTED_AT_ALL) return true;
    ({ low, high } = spare(closerLog2Cells));
    if (low >= 0n || high < 0n) return low >= 0n;
    return bitLength(cells(m, k) * cells(r, k)) > r;
  }

  /** The smallest D that the pattern bound does not rule out. */
  const minWidth = size => smallest(D => suffices(size, D));

  /** log2 of the number of answer patterns, rounded up. */
  const messageBits = (size, D) => ceilOf(bitsOf(size, D));

  return { DECIDED_BY_COUNT, bitsOf, closerLog2Cells, messageBits, minWidth };
})();
