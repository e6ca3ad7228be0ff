// What hand-built weights need (thm-3.3, own-packed), and cor-3.4, which compares them with the bounds.
"use strict";

Explore.constructions = (() => {
  const { ceilDivide, floorDivide } = Explore.enclosure;

  /** thm-3.3: one coordinate a vertex. */
  const denseWidth = ({ V }) => V;

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

  /**
   * cor-3.4, c = 1 hidden unit per unit of width: from how many experts on is a mixture with the parameters of the
   * dense model of width V narrower than `first`?  Null if no width is ruled out.
   */
  function criticalExperts({ V }, first) {
    if (first <= 1n) return null;
    const experts = floorDivide(6n * V * V - 4n * first * first, 2n * first * first + first) + 1n;
    return experts > 1n ? experts : 1n;
  }

  return { criticalExperts, denseWidth, packedDigits, packedNeurons, packedWidth };
})();
