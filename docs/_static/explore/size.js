// What the bounds are asked about, checked as theory/bounds/size.py checks it, with its words.
"use strict";

Explore.size = (() => {
  const MAX_BITS = 4096n;
  const MOST_DIGITS = 15;

  /** The fields in the order in which they are checked; `empty` says whether one may be left out. */
  const FIELDS = [
    { name: "vertices", letter: "V", least: 3n, why: " (source, target and one vertex between them)" },
    { name: "heads", letter: "H", least: 1n },
    { name: "experts", letter: "K", least: 1n },
    { name: "bits", letter: "p", least: 1n, empty: true },
    { name: "neurons", letter: "h", least: 1n, empty: true },
    { name: "width", letter: "D", least: 1n, empty: true },
    { name: "set_size", letter: "k", least: 1n, empty: true },
  ];

  class InputError extends Error {
    constructor(field, message) {
      super(message);
      this.field = field;
    }
  }

  /**
   * A size {r, V, H, K, p, h, D, k, attention} from texts by field name: BigInt, or null where a field is left empty.
   * Throws an InputError that says what was given, what is allowed and what to do, and names the field.
   */
  function parse(texts) {
    const size = { attention: texts.attention ?? "softmax" };
    for (const field of FIELDS) size[field.letter] = number(field, (texts[field.name] ?? "").trim());
    size.r = size.V - 2n;
    checkPairs(size);
    return size;
  }

  function number({ name, least, why = "", empty = false }, text) {
    if (text === "" && empty) return null;
    if (!/^[+-]?\d+$/.test(text))
      throw new InputError(name, `${name} '${text}' is not a whole number: give an integer of at least ${least}.`);
    if (text.length > MOST_DIGITS)
      throw new InputError(name, `${name} ${text} has more than ${MOST_DIGITS} digits: ask \`parrots bounds\`.`);
    const value = BigInt(text.replace("+", ""));
    if (value < least && name !== "set_size")
      throw new InputError(name, `${name} ${value} is below ${least}${why}: give ${least} or more.`);
    return value;
  }

  function checkPairs({ V, r, H, D, p, k }) {
    if (p !== null && p > MAX_BITS)
      throw new InputError(
        "bits", `bits ${p} is above ${MAX_BITS}: give 1 to ${MAX_BITS}, or leave it out for any precision.`,
      );
    if (D !== null && D % H !== 0n)
      throw new InputError(
        "width", `${H} heads do not divide width ${D}: give a width that is a multiple of the heads.`,
      );
    if (k !== null && !(1n <= k && k <= r))
      throw new InputError(
        "set_size",
        `set_size ${k} is outside 1 to ${r}, the intermediate vertices of ${V}: give one of those.`,
      );
  }

  return { FIELDS, InputError, parse };
})();
