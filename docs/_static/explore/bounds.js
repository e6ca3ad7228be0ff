// Every bound, ceiling and construction for one size: the rows of `parrots bounds --json`, with the same numbers.
"use strict";

Explore.bounds = (() => {
  const { ceilings, constructions, entropy, message, pattern } = Explore;

  /** Statements that give a least width and the bits that a width carries; `needs` are letters of a size. */
  const WIDTHS = [
    { statement: "thm-3.2", needs: ["p"], least: message.closedMinWidth, bits: message.closedBits },
    { statement: "own-message-bound", needs: ["p"], least: message.minWidth, bits: message.messageBits },
    { statement: "own-entropy-bound", needs: ["p"], least: entropy.minWidth, bits: entropy.messageBits },
    { statement: "own-pattern-bound", needs: ["h"], least: pattern.minWidth, bits: pattern.messageBits },
  ];

  /**
   * Statements that give an accuracy ceiling at a width: enclosed bits of the message, and how many free coordinates
   * they are about; `rough` is the same in less time, for curves.
   */
  const ofMessage = (size, D) => message.bitsOf(size, D, 64n);
  const ofPatterns = (size, D) => pattern.bitsOf(size, D);
  const roughly = (size, D) => pattern.bitsOf(size, D, pattern.DECIDED_BY_COUNT);
  const CEILINGS = [
    { statement: "own-index-ceiling", needs: ["p"], bits: ofMessage, rough: ofMessage, free: ({ r }) => r },
    { statement: "own-planted-ceiling", needs: ["k", "p"], bits: ofMessage, rough: ofMessage, free: ({ r, k }) => r - k + 1n },
    { statement: "own-pattern-ceiling", needs: ["h"], bits: ofPatterns, rough: roughly, free: ({ r }) => r },
  ];

  /** Statements with hand-built weights. */
  const CONSTRUCTIONS = [
    { statement: "thm-3.3", needs: [], width: constructions.denseWidth },
    { statement: "own-packed", needs: ["p"], width: packedWidth },
  ];

  function packedWidth(size) {
    const digits = constructions.packedDigits(size);
    return digits === null ? null : constructions.packedWidth(size.r, digits);
  }

  const has = (size, needs) => needs.every(letter => size[letter] !== null);

  /**
   * Rows {statement, quantity, value} for a size: BigInt, true or false, or an accuracy as text.  `value` is null where
   * the row doesn't apply or `missing` names the letters it needs.
   */
  function table(size) {
    const rows = [];
    const add = (statement, quantity, needs, compute) => {
      const missing = needs.filter(letter => size[letter] === null);
      rows.push({ statement, quantity, missing, value: missing.length ? null : compute() });
    };
    for (const { statement, needs, least, bits } of WIDTHS) {
      const width = has(size, needs) ? least(size) : null;
      add(statement, "min_width", needs, () => width);
      add(statement, "ruled_out", [...needs, "D"], () => size.D < width);
      add(statement, "message_bits", [...needs, "D"], () => bits(size, size.D));
    }
    for (const { statement, needs, bits, free } of CEILINGS)
      add(statement, "accuracy_ceiling", [...needs, "D"], () => ceilings.ceiling(bits(size, size.D), free(size)));
    for (const { statement, needs, width } of CONSTRUCTIONS)
      add(statement, "construction_width", needs, () => width(size));
    add("cor-3.4", "critical_experts", ["p"], () =>
      constructions.criticalExperts(size, entropy.minWidth(size)));
    return rows;
  }

  return { CEILINGS, has, table };
})();
