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

  /** A row with a heading and cells; `kind` is its class. */
  const line = (name, cells, kind = "") => {
    const data = cells.map(cell => html("td", {}, cell));
    return html("tr", { class: kind }, html("th", { scope: "row" }, name), ...data);
  };

  /** A table of tokens and their contributions, with further rows of sums. */
  function sumTable(rows, sums) {
    const tokens = rows.map(({ token, values }) => line(token, values.map(String)));
    const totals = sums.map(([name, values]) => line(name, values.map(String), "sum"));
    return html("table", { class: "sums" }, html("tbody", {}, ...tokens, ...totals));
  }

  /** The five steps of a conversation: whose edges are seen in each, and a function that makes its card. */
  function steps(model, sets, { alice, message, bob, truth }) {
    return [
      ["alice", () => addsUp(model, sets.alice, alice)],
      ["alice", () => sends(model, message)],
      ["bob", () => addsOwn(sets.bob, alice, bob)],
      ["bob", () => runs(bob)],
      ["both", () => answers(bob, truth)],
    ];
  }

  function addsUp(model, set, { rows, numbers }) {
    const what = text(`A = ${inSet(set)}.  Each token adds its ${model.bits}-bit values.`);
    return card("alice", "Alice adds up her slots", what, sumTable(rows, [["her sums", numbers]]));
  }

  function sends(model, message) {
    const width = model.null.length;
    const count = ` = ${(model.values ** width).toLocaleString("en")} messages for ${2 ** model.r} sets.`;
    const power = [`, whatever her edges are: ${model.values}`, html("sup", {}, String(width)), count];
    const words = text(strong(`${message.length} bits`), ...power);
    return card("alice", "She sends her sums", html("p", { class: "bits" }, message), words);
  }

  function addsOwn(set, alice, { rows, own, sums }) {
    const what = text(`B = ${inSet(set)}.  Of A he knows the message and nothing else.`);
    const totals = [["his sums", own], ["Alice's", alice.numbers], ["together", sums]];
    return card("bob", "Bob adds his own", what, sumTable(rows, totals));
  }

  const runs = bob =>
    card("bob", "He runs the block", text(`State: ${bob.state.map(float).join(", ")}.`), ...experts(bob));

  function experts({ scores, expert }) {
    if (scores === null) return [text("One dense block reads it.")];
    const [low, top] = [Math.min(...scores), Math.max(...scores)];
    const bars = scores.map((score, k) => {
      const height = (0.3 + (2 * (score - low)) / (top - low || 1)).toFixed(2);
      const title = `expert ${k + 1}: ${float(score)}`;
      return html("span", { class: k === expert ? "expert chosen" : "expert", title, style: `height: ${height}rem` });
    });
    const label = `router logits of ${scores.length} experts`;
    return [
      html("div", { class: "experts", role: "img", "aria-label": label }, ...bars),
      text("The router picks ", strong(`expert ${expert + 1}`), ` of ${scores.length}.  It acts after the message.`),
    ];
  }

  function answers({ logit, answer }, truth) {
    const right = answer === truth;
    const there = `.  There is ${truth ? "a" : "no"} path of length 2: `;
    const words = [`Logit ${float(logit)}: `, strong(word(answer)), there, strong(right ? "right." : "wrong.")];
    return card(right ? "right" : "wrong", "He answers", text(...words));
  }

  /** Two sets with one message, side by side, and Bob's singleton that gives them different answers. */
  function collision(model, first, second) {
    const i = Explore.protocol.witness(first, second);
    const both = [first, second].map(set => Explore.protocol.run(model, set, [i]));
    const answer = line("answer", both.map(run => word(run.bob.answer)));
    both.forEach(({ bob, truth }, at) => answer.cells[at + 1].classList.toggle("out", bob.answer !== truth));
    const rows = [
      line("Alice's set", [inSet(first), inSet(second)]),
      line("her message", both.map(run => run.message)),
      line("Bob's set", both.map(() => inSet([i]))),
      line("all sums", both.map(run => run.bob.sums.join(", "))),
      line("expert", both.map(run => String(run.bob.expert + 1))),
      answer,
      line("truth", both.map(run => word(run.truth))),
    ];
    const wrong = both[0].bob.answer === both[0].truth ? second : first;
    return { sets: { alice: wrong, bob: [i] }, table: html("table", {}, html("tbody", {}, ...rows)) };
  }

  return { collision, html, inSet, line, steps };
})();
