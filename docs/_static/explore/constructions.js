// What hand-built weights need, and cor-3.4, which compares the dense model with the bounds.
"use strict";

Explore.constructions = (() => {
  const { ceilDivide, ceilLog2, floorDivide } = Explore.enclosure;

  /** thm-3.3: one coordinate a vertex, and a hidden unit for each intermediate. */
  const dense = ({ V, r }) => ({ width: V, neurons: r, bits: 2n + ceilLog2(r) });

  /** own-packed with as many digits a coordinate as p and h allow; null if not even one fits. */
  function packed(size) {
    const g = packedDigits(size);
    if (g === null) return null;
    const bits = ceilLog2(3n ** g) + ceilLog2(size.r);
    return { width: packedWidth(size.r, g), neurons: packedNeurons(size.r, g), bits };
  }

  const packedWidth = (r, g) => ceilDivide(r, g) + 1n;
  const packedNeurons = (r, g) => ceilDivide(r, g) * (2n ** g - 1n);

  /** own-packed: the most base-3 digits in a coordinate of p bits, and with at most h hidden units; null if none. */
  function packedDigits({ r, p, h }) {
    let g = 0n;
    while (g < r && 3n ** g <= 2n ** p - 1n) {
      if (h !== null && packedNeurons(r, g + 1n) > h) break;
      g += 1n;
    }
    return g || null;
  }

  /** own-two-layer: two codes of ceil(log2 V) signs and seven named coordinates. */
  const twoLayer = ({ V }) => ({ width: 2n * ceilLog2(V) + 7n });

  /** own-cross-token: one code and four named coordinates. */
  const crossToken = ({ r }) => ({ width: (r > 1n ? ceilLog2(r) : 1n) + 4n });

  /** own-soft-moe with K experts of one slot each, at most one a vertex: place in a group, the group's code, a sink. */
  const softMoe = ({ r, K }) => (K > r ? null : { width: ceilDivide(r, K) + ceilLog2(K) + 1n });

  /**
   * cor-3.4, c = 1 hidden unit per unit of width: from how many experts on is a mixture with the parameters of the
   * dense model of width V narrower than `first`?  Null if no width is ruled out.
   */
  function criticalExperts({ V }, first) {
    if (first <= 1n) return null;
    const experts = floorDivide(6n * V * V - 4n * first * first, 2n * first * first + first) + 1n;
    return experts > 1n ? experts : 1n;
  }

  return { criticalExperts, crossToken, dense, packed, softMoe, twoLayer };
})();
