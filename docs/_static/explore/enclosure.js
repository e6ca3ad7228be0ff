// Real numbers between two rationals, so that integers decide every inequality with a logarithm, pi or e in it.
// The same algorithms as theory/bounds/enclosure.py.  An enclosure {low, high, bits} says: low <= x * 2^bits <= high.
"use strict";

globalThis.Explore = globalThis.Explore ?? {};

Explore.enclosure = (() => {
  const START_PRECISION = 64n;
  const MAX_PRECISION = 4096n;

  const exact = integer => ({ low: integer, high: integer, bits: 0n });
  const rescaled = (number, bits) => ({
    low: number.low << (bits - number.bits),
    high: number.high << (bits - number.bits),
    bits,
  });

  function plus(...numbers) {
    const bits = numbers.reduce((most, number) => (number.bits > most ? number.bits : most), 0n);
    const shifted = numbers.map(number => rescaled(number, bits));
    return {
      low: shifted.reduce((total, number) => total + number.low, 0n),
      high: shifted.reduce((total, number) => total + number.high, 0n),
      bits,
    };
  }

  /** An integer times an enclosure. */
  const times = (factor, number) =>
    factor >= 0n
      ? { low: factor * number.low, high: factor * number.high, bits: number.bits }
      : { low: factor * number.high, high: factor * number.low, bits: number.bits };

  /** From the low end of one enclosure to the high end of another. */
  function between(lower, upper) {
    const bits = lower.bits > upper.bits ? lower.bits : upper.bits;
    return { low: rescaled(lower, bits).low, high: rescaled(upper, bits).high, bits };
  }

  const minus = (first, second) => plus(first, times(-1n, second));

  /** An enclosure divided by 2^shift, without rounding. */
  const halved = (number, shift = 1n) => ({ ...number, bits: number.bits + shift });

  const bitLength = n => BigInt(n.toString(2).length) - (n === 0n ? 1n : 0n);
  const ceilLog2 = n => bitLength(n - 1n);
  /** floor(a / b) for b > 0. */
  const floorDivide = (a, b) => a / b - (a % b < 0n ? 1n : 0n);
  const ceilDivide = (a, b) => -floorDivide(-a, b);
  const ceilOf = number => ceilDivide(number.high, 1n << number.bits);
  const floorCeil = number => ceilDivide(number.low, 1n << number.bits);

  /** The logarithm to base 2 of numerator / denominator > 0, to a width of at most 2^(1 - precision); exact for 2^e. */
  function log2(numerator, denominator, precision) {
    let exponent = bitLength(numerator) - bitLength(denominator);
    if (shifted(numerator, -exponent) < shifted(denominator, exponent)) exponent -= 1n;
    const fraction = precision + bitLength(precision) + 2n;
    const shift = fraction - exponent;
    const [top, bottom] = [shifted(numerator, shift), shifted(denominator, -shift)];
    const mantissa = top / bottom;
    const rest = top % bottom === 0n ? 0n : 1n;
    if (rest === 0n && mantissa === 1n << fraction) return exact(exponent);
    const whole = exponent << precision;
    return {
      low: whole + digits(mantissa, fraction, precision, 0n),
      high: whole + digits(mantissa + rest, fraction, precision, 1n) + 1n,
      bits: precision,
    };
  }

  const shifted = (n, by) => (by > 0n ? n << by : n);

  /** Binary digits of log2 of a number in [1, 2), by repeated squaring, every rounding down (up = 0) or up (up = 1). */
  function digits(mantissa, fraction, count, up) {
    const two = 2n << fraction;
    const carry = up ? (1n << fraction) - 1n : 0n;
    let found = 0n;
    for (let left = Number(count); left > 0; left--) {
      mantissa = (mantissa * mantissa + carry) >> fraction;
      found <<= 1n;
      if (mantissa >= two) {
        mantissa = (mantissa + up) >> 1n;
        found += 1n;
      }
    }
    return found;
  }

  const remembered = make => {
    const known = new Map();
    return precision => {
      if (!known.has(precision)) known.set(precision, make(precision));
      return known.get(precision);
    };
  };

  /** Machin's formula 16 arctan(1/5) - 4 arctan(1/239). */
  const pi = precision =>
    minus(times(16n, arctanOfInverse(5n, precision + 8n)), times(4n, arctanOfInverse(239n, precision + 8n)));

  /** The series alternates and shrinks: cut off where a term rounds to 0, it is off by less than one unit a term. */
  function arctanOfInverse(n, bits) {
    let [power, total, k] = [(1n << bits) / n, 0n, 0n];
    while (power > 0n) {
      const term = power / (2n * k + 1n);
      total += k % 2n ? -term : term;
      power /= n * n;
      k += 1n;
    }
    return { low: total - k - 1n, high: total + k + 1n, bits };
  }

  /** The series of 1/k!; a rounded term is low by less than one unit, the terms left out are less than two units. */
  function euler(bits) {
    let [term, total, k] = [1n << bits, 0n, 0n];
    while (term > 0n) {
      total += term;
      k += 1n;
      term /= k;
    }
    return { low: total, high: total + k + 2n, bits };
  }

  const log2Of = (number, precision) => {
    const one = 1n << number.bits;
    return between(log2(number.low, one, precision), log2(number.high, one, precision));
  };

  // A few bits more for pi and e, which lose some to the number of their terms.
  const finer = precision => precision + bitLength(precision);
  const log2E = remembered(precision => log2Of(euler(finer(precision)), precision));
  /** log2(2 pi e): twice the entropy, in bits, of a Gaussian of unit variance. */
  const log2TwoPiE = remembered(precision =>
    plus(log2Of(pi(finer(precision)), precision), log2E(precision), exact(1n)),
  );

  /**
   * Whether a number, given its enclosure for each precision, is at least 0.  One that can't be told from 0 at 4096
   * bits counts as at least 0: a bound never rules out what it has not been shown to rule out.
   */
  function atLeastZero(number) {
    for (let precision = START_PRECISION; precision <= MAX_PRECISION; precision *= 2n) {
      const { low, high } = number(precision);
      if (low >= 0n) return true;
      if (high < 0n) return false;
    }
    return true;
  }

  /** The smallest integer from 1 on at which a monotone condition holds. */
  function smallest(holds) {
    let high = 1n;
    while (!holds(high)) high *= 2n;
    let low = high / 2n;
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      if (holds(middle)) high = middle;
      else low = middle;
    }
    return high;
  }

  return {
    atLeastZero, between, bitLength, ceilDivide, ceilLog2, ceilOf, exact, floorCeil, floorDivide, halved,
    log2, log2E, log2TwoPiE, minus, plus, smallest, times,
  };
})();
