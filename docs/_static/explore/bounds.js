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
  const unplanted = ({ r, k }) => r - k + 1n;
  const CEILINGS = [
    { statement: "own-index-ceiling", needs: ["p"], bits: ofMessage, rough: ofMessage, free: ({ r }) => r },
    { statement: "own-planted-ceiling", needs: ["k", "p"], bits: ofMessage, rough: ofMessage, free: unplanted },
    { statement: "own-pattern-ceiling", needs: ["h"], bits: ofPatterns, rough: roughly, free: ({ r }) => r },
  ];

  /** Statements with hand-built weights: {width, neurons, bits}, or null where the size is not built. */
  const SIZES = ["width", "neurons", "bits"];
  const CONSTRUCTIONS = [
    { kind: "built", statement: "thm-3.3", needs: [], make: constructions.dense, quantities: SIZES },
    { kind: "built", statement: "own-packed", needs: ["p"], make: constructions.packed, quantities: SIZES },
    { kind: "aside", statement: "own-two-layer", needs: [], make: constructions.twoLayer, quantities: ["width"] },
    { kind: "aside", statement: "own-cross-token", needs: [], make: constructions.crossToken, quantities: ["width"] },
    { kind: "aside", statement: "own-soft-moe", needs: [], make: constructions.softMoe, quantities: ["width"] },
  ];

  const has = (size, needs) => needs.every(letter => size[letter] !== null);

  /**
   * Rows {kind, statement, quantity, value} for a size: BigInt, true or false, or an accuracy as text.  `value` is
   * null where the row doesn't apply or `missing` names the letters it needs.  The kind is bound, ceiling, built, aside
   * (of a model that the bounds don't speak of) or matched.
   */
  function table(size) {
    const rows = [];
    const add = (kind, statement, quantity, needs, compute) => {
      const missing = needs.filter(letter => size[letter] === null);
      rows.push({ kind, statement, quantity, missing, value: missing.length ? null : compute() });
    };
    for (const { statement, needs, least, bits } of WIDTHS) {
      const width = has(size, needs) ? least(size) : null;
      add("bound", statement, "min_width", needs, () => width);
      add("bound", statement, "ruled_out", [...needs, "D"], () => size.D < width);
      add("bound", statement, "message_bits", [...needs, "D"], () => bits(size, size.D));
    }
    for (const { statement, needs, bits, free } of CEILINGS) {
      const accuracy = () => ceilings.ceiling(bits(size, size.D), free(size));
      add("ceiling", statement, "accuracy_ceiling", [...needs, "D"], accuracy);
    }
    for (const { kind, statement, needs, make, quantities } of CONSTRUCTIONS) {
      const made = has(size, needs) ? make(size) : null;
      for (const quantity of quantities)
        add(kind, statement, `construction_${quantity}`, needs, () => made && made[quantity]);
    }
    add("aside", "own-slots-bound", "min_width", ["p"], () => message.slotsMinWidth(size));
    const critical = () => constructions.criticalExperts(size, entropy.minWidth(size));
    add("matched", "cor-3.4", "critical_experts", ["p"], critical);
    return rows;
  }

  return { CEILINGS, has, table };
})();
