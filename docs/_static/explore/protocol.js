// The two-party protocol of own-message-bound on a small model: what theory/protocol does, for r of a few vertices.
// A set is a sorted list of vertices 1..r.  Contributions are integers; the block works in floating point.
"use strict";

Explore.protocol = (() => {
  const add = (a, b) => a.map((x, i) => x + b[i]);
  const scaled = (a, factor) => a.map(x => x * factor);
  const total = rows => rows.map(row => row.values).reduce(add);

  /** Alice's r slots: the edges (s, i) that she holds, null tokens for the others. */
  function aliceRows(model, set) {
    return slots(model, set, i => `(s, ${i})`, 0);
  }

  function slots(model, set, name, first) {
    return range(model.r).map(i =>
      set.includes(i)
        ? { token: name(i), values: model.edges[first + i - 1] }
        : { token: "null", values: model.null },
    );
  }

  const range = r => Array.from({ length: r }, (_, i) => i + 1);

  /** Bob's slots, further null tokens of the model if it has any, and the query. */
  function bobRows(model, set) {
    const more = model.tokens - 1 - 2 * model.r;
    const rest = more ? [{ token: `${more} × null`, values: scaled(model.null, more) }] : [];
    return [...slots(model, set, i => `(${i}, d)`, model.r), ...rest, { token: "query", values: model.query }];
  }

  /** Integers from 0 to values - 1 as the digits of one number, written in as many bits as name every message. */
  function pack(model, numbers) {
    const code = numbers.reduce((word, number) => word * BigInt(model.values) + BigInt(number), 0n);
    return code.toString(2).padStart(model.messageBits, "0");
  }

  const message = (model, set) => pack(model, total(aliceRows(model, set)));

  /** Bob's half: from Alice's numbers and his own edges to the answer. */
  function finish(model, numbers, set) {
    const rows = bobRows(model, set);
    const sums = add(numbers, total(rows));
    const means = sums.map((sum, i) => model.offset[i] + (model.scale[i] * sum) / model.tokens);
    const state = model.residual.map((own, m) => means.reduce((x, mean, i) => x + mean * model.mix[i][m], own));
    const routed = route(model, state);
    const logit = routed.gate * expertLogit(model, routed.expert, state);
    return { rows, own: total(rows), sums, state, ...routed, logit, answer: logit >= 0 };
  }

  /** Top-1: the expert with the largest router logit, and its softmax probability as the gate. */
  function route(model, state) {
    if (model.router === null) return { scores: null, expert: 0, gate: 1 };
    const score = (bias, k) => state.reduce((x, value, m) => x + value * model.router[m][k], bias);
    const scores = model.routerBias.map(score);
    const top = Math.max(...scores);
    const total = scores.reduce((sum, logit) => sum + Math.exp(logit - top), 0);
    return { scores, expert: scores.indexOf(top), gate: 1 / total };
  }

  function expertLogit(model, k, state) {
    const hidden = model.innerBias[k].map((bias, f) =>
      Math.max(0, state.reduce((x, value, m) => x + value * model.inner[k][m][f], bias)),
    );
    const residual = state.reduce((x, value, m) => x + value * model.readout[m], model.constant[k]);
    return hidden.reduce((x, value, f) => x + value * model.folded[k][f], residual);
  }

  /** The whole conversation on one graph. */
  function run(model, alice, bob) {
    const rows = aliceRows(model, alice);
    const numbers = total(rows);
    const truth = alice.some(i => bob.includes(i));
    return { alice: { rows, numbers }, message: pack(model, numbers), bob: finish(model, numbers, bob), truth };
  }

  /** All subsets of 1..r. */
  const subsets = r =>
    Array.from({ length: 2 ** r }, (_, mask) => range(r).filter(i => (mask >> (i - 1)) & 1));

  /** Alice's sets by the message that they send: a list of [message, sets]. */
  function bySameMessage(model) {
    const groups = new Map();
    for (const set of subsets(model.r)) {
      const word = message(model, set);
      groups.set(word, [...(groups.get(word) ?? []), set]);
    }
    return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Two different sets differ in some i: Bob's singleton {i} gives their graphs different answers. */
  const witness = (first, second) =>
    first.find(i => !second.includes(i)) ?? second.find(i => !first.includes(i));

  return { bySameMessage, run, subsets, witness };
})();
