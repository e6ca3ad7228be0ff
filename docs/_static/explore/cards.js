// What each step of the conversation shows, as HTML elements.
"use strict";

Explore.cards = (() => {
  function html(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const inSet = set => `{${set.join(", ")}}`;
  const float = x => (Math.abs(x) < 1e-9 ? "0" : x.toFixed(2).replace("-", "−"));
  const word = answer => (answer ? "yes" : "no");

  const card = (side, title, ...content) => html("li", { class: `card ${side}` }, html("h4", {}, title), ...content);
  const text = (...parts) => html("p", {}, ...parts);
  const strong = part => html("strong", {}, part);

  /** A table of tokens and their contributions, with further rows of sums. */
  function sumTable(rows, sums) {
    const line = (name, values, kind) =>
      html("tr", { class: kind }, html("th", { scope: "row" }, name), ...values.map(value => html("td", {}, String(value))));
    return html(
      "table",
      { class: "sums" },
      html("tbody", {}, ...rows.map(({ token, values }) => line(token, values, "")), ...sums.map(([name, values]) => line(name, values, "sum"))),
    );
  }

  /** The five steps of a conversation: whose edges are seen in each, and its card. */
  function steps(model, sets, { alice, message, bob, truth }) {
    return [
      ["alice", () => card("alice", "Alice adds up her slots", text(`A = ${inSet(sets.alice)}.  Each token adds its ${model.bits}-bit values.`),
        sumTable(alice.rows, [["her sums", alice.numbers]]))],
      ["alice", () => card("alice", "She sends her sums", html("p", { class: "bits" }, message),
        text(strong(`${message.length} bits`), `, whatever her edges are: ${model.values}`, html("sup", {}, String(model.null.length)),
          ` = ${(model.values ** model.null.length).toLocaleString("en")} messages for ${2 ** model.r} sets.`))],
      ["bob", () => card("bob", "Bob adds his own", text(`B = ${inSet(sets.bob)}.  Of A he knows the message and nothing else.`),
        sumTable(bob.rows, [["his sums", bob.own], ["Alice's", alice.numbers], ["together", bob.sums]]))],
      ["bob", () => card("bob", "He runs the block", text(`State: ${bob.state.map(float).join(", ")}.`), ...experts(bob))],
      ["both", () => card(bob.answer === truth ? "right" : "wrong", "He answers",
        text(`Logit ${float(bob.logit)}: `, strong(word(bob.answer)), `.  There is ${truth ? "a" : "no"} path of length 2: `,
          strong(bob.answer === truth ? "right." : "wrong.")))],
    ];
  }

  function experts({ scores, expert }) {
    if (scores === null) return [text("One dense block reads it.")];
    const [low, top] = [Math.min(...scores), Math.max(...scores)];
    const bars = scores.map((score, k) =>
      html("span", { class: k === expert ? "expert chosen" : "expert", title: `expert ${k + 1}: ${float(score)}`,
        style: `height: ${(0.3 + (2 * (score - low)) / (top - low || 1)).toFixed(2)}rem` }));
    return [
      html("div", { class: "experts", role: "img", "aria-label": `router logits of ${scores.length} experts` }, ...bars),
      text("The router picks ", strong(`expert ${expert + 1}`), ` of ${scores.length}.  It acts here, after the message.`),
    ];
  }

  /** Two sets with one message, side by side, and Bob's singleton that gives them different answers. */
  function collision(model, first, second) {
    const i = Explore.protocol.witness(first, second);
    const runs = [first, second].map(set => Explore.protocol.run(model, set, [i]));
    const line = (name, values, kind = "") =>
      html("tr", {}, html("th", { scope: "row" }, name), ...values.map((value, at) => html("td", { class: kind && kind(runs[at]) }, value)));
    const mark = ({ bob, truth }) => (bob.answer === truth ? "" : "out");
    return {
      sets: { alice: runs[0].bob.answer === runs[0].truth ? second : first, bob: [i] },
      table: html("table", { class: "explore-table" }, html("tbody", {},
        line("Alice's set", [inSet(first), inSet(second)]),
        line("her message", runs.map(run => run.message)),
        line("Bob's set", runs.map(() => inSet([i]))),
        line("all sums", runs.map(run => run.bob.sums.join(", "))),
        line("expert", runs.map(run => String(run.bob.expert + 1))),
        line("answer", runs.map(run => word(run.bob.answer)), mark),
        line("truth", runs.map(run => word(run.truth))))),
    };
  }

  return { collision, html, inSet, steps };
})();
