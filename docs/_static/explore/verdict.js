// What the numbers say, in sentences.
"use strict";

Explore.verdict = (() => {
  const text = number => number.toLocaleString("en");

  /** Sentences about a size, from its rows. */
  function sentences(size, rows) {
    return [ofWidth(size, rows), ofExperts(size, rows), ofAccuracy(size, rows)].filter(sentence => sentence !== "");
  }

  const valued = (rows, kind, quantity) =>
    rows.filter(row => row.kind === kind && row.quantity === quantity && row.value !== null);
  const extreme = (rows, better) => rows.reduce((best, row) => (best === null || better(row, best) ? row : best), null);

  function ofWidth({ D }, rows) {
    const bound = extreme(valued(rows, "bound", "min_width"), (row, best) => row.value > best.value);
    const weights = extreme(valued(rows, "built", "construction_width"), (row, best) => row.value < best.value);
    const built = `${weights.statement} has weights of width ${text(weights.value)}`;
    if (bound === null) return `Without p and h no bound applies; ${built}.`;
    const needed = `at least ${text(bound.value)} (${bound.statement})`;
    if (D === null) return `A model that is right on every graph has width ${needed}; ${built}.`;
    if (D < bound.value)
      return `Width ${text(D)} is ruled out: every model of this size is wrong on some graph.  It takes ${needed}.`;
    if (D >= weights.value) return `Width ${text(D)} is enough: ${built}, right on every graph.  It takes ${needed}.`;
    return `Width ${text(D)} is open: no bound rules it out, and ${built}.  It takes ${needed}.`;
  }

  function ofExperts(size, rows) {
    if (size.K === 1n) return "";
    const message = `K = ${text(size.K)} experts act after the message: the first three bounds do not contain K.`;
    if (size.h === null) return message;
    const alone = Explore.pattern.minWidth({ ...size, K: 1n });
    const { value } = rows.find(row => row.statement === "own-pattern-bound" && row.quantity === "min_width");
    return `${message}  The pattern bound asks for ${text(value)}, and for ${text(alone)} with one such expert.`;
  }

  function ofAccuracy({ D }, rows) {
    const index = valued(rows, "ceiling", "accuracy_ceiling").filter(row => row.statement !== "own-planted-ceiling");
    const ceiling = extreme(index, (row, best) => row.value < best.value);
    if (ceiling === null || ceiling.value === "1.000000") return "";
    return `On INDEX instances no such model exceeds an accuracy of ${ceiling.value} (${ceiling.statement}).`;
  }

  return { sentences };
})();
