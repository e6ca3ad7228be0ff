// What Alice can tell Bob through one attention layer: thm-3.2 (closed form) and own-message-bound (exact count).
// All sizes are BigInt: r intermediates, H heads, p bits of a weight or value, D width; attention is a word.
"use strict";

Explore.message = (() => {
  const { atLeastZero, ceilDivide, ceilLog2, ceilOf, bitLength, exact, floorCeil, log2, minus, plus, smallest, times } =
    Explore.enclosure;
  const largest = (...numbers) => numbers.reduce((most, number) => (number > most ? number : most));

  /** How many values a sum of weights of one head and a sum of weight times value of one coordinate can take. */
  function sums({ r, p, attention }) {
    const top = (1n << p) - 1n;
    return attention === "uniform" ? [1n, r * top + 1n] : [r * top + 1n, r * top * top + 1n];
  }

  /** Enclosed log2 of the number of messages: (r(2^p-1)+1)^H (r(2^p-1)^2+1)^D, or (r(2^p-1)+1)^D if uniform. */
  function bitsOf(size, D, precision) {
    const [weights, values] = sums(size);
    const fine = precision + bitLength(size.H) + bitLength(D);
    return plus(times(size.H, log2(weights, 1n, fine)), times(D, log2(values, 1n, fine)));
  }

  const suffices = (size, D) => atLeastZero(precision => minus(bitsOf(size, D, precision), exact(size.r)));

  /** own-message-bound: the smallest D with at least 2^r messages. */
  const minWidth = size => smallest(D => suffices(size, D));

  /** own-message-bound: log2 of the number of messages, rounded up. */
  function messageBits(size, D) {
    for (let precision = 64n; ; precision *= 2n) {
      const enclosure = bitsOf(size, D, precision);
      if (floorCeil(enclosure) === ceilOf(enclosure)) return ceilOf(enclosure);
    }
  }

  /** own-slots-bound: the same for a Soft MoE without attention, K slots of as many coordinates each. */
  const slotsMinWidth = ({ r, K, p }) =>
    smallest(width => suffices({ r, H: K, p, attention: "softmax" }, K * width));

  /** thm-3.2 with this project's constants: (r - H(p+l))/(2p+l) and r/(3p+2l), l = ceil(log2 r); uniform: r/(p+l). */
  function closedMinWidth({ r, H, p, attention }) {
    const carry = ceilLog2(r);
    if (attention === "uniform") return largest(1n, ceilDivide(r, p + carry));
    return largest(1n, ceilDivide(r - H * (p + carry), 2n * p + carry), ceilDivide(r, 3n * p + 2n * carry));
  }

  /** The bits of that message: H(p+l) + D(2p+l), or D(p+l). */
  function closedBits({ r, H, p, attention }, D) {
    const carry = ceilLog2(r);
    return attention === "uniform" ? D * (p + carry) : H * (p + carry) + D * (2n * p + carry);
  }

  return { bitsOf, closedBits, closedMinWidth, messageBits, minWidth, slotsMinWidth };
})();
