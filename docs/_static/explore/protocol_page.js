// The second half of the page: a graph to click on, the conversation step by step, and sets that look alike.
"use strict";

Explore.protocolPage = (() => {
  const { collision, html, inSet, line, steps } = Explore.cards;

  function start(root) {
    const find = name => root.querySelector(name);
    const models = JSON.parse(find("script[type='application/json']").textContent);
    const page = { model: models[0], sets: { alice: [1, 3], bob: [2, 3] }, step: 0 };
    const r = page.model.r;
    const graph = Explore.graph.create(find(".graph-figure"), r, (side, i) => {
      page.sets[side] = flipped(page.sets[side], i);
      show();
    });

    function show() {
      const all = steps(page.model, page.sets, Explore.protocol.run(page.model, page.sets.alice, page.sets.bob));
      find(".steps").replaceChildren(...all.slice(0, page.step + 1).map(([, card]) => card()));
      graph.show(page.sets, all[page.step][0]);
      find("[data-do=back]").disabled = page.step === 0;
      find("[data-do=next]").disabled = find("[data-do=end]").disabled = page.step === all.length - 1;
      find(".where").textContent = `step ${page.step + 1} of ${all.length}`;
    }

    const go = step => ((page.step = step), show());
    const actions = {
      back: () => go(page.step - 1),
      next: () => go(page.step + 1),
      end: () => go(4),
      random: () => ((page.sets = { alice: randomSet(r), bob: randomSet(r) }), show()),
    };
    for (const button of root.querySelectorAll("[data-do]"))
      button.addEventListener("click", actions[button.dataset.do]);

    function choose(name) {
      page.model = models.find(model => model.name === name);
      find(".model-note").textContent = describe(page.model);
      showMessages(find(".messages"), page.model, sets => {
        page.sets = sets;
        go(4);
        find(".graph-figure").scrollIntoView({ block: "center" });
      });
      show();
    }
    find("select").addEventListener("change", event => choose(event.target.value));
    choose(find("select").value);
  }

  const flipped = (set, i) => (set.includes(i) ? set.filter(j => j !== i) : [...set, i].sort((a, b) => a - b));
  const randomSet = r => Explore.protocol.subsets(r)[Math.floor(Math.random() * 2 ** r)];

  function describe(model) {
    const width = model.null.length;
    const bound = width < model.leastWidth ? "own-message-bound rules it out" : "own-message-bound lets it pass";
    const graphs = 4 ** model.r;
    const share = model.wrong ? `wrong on ${model.wrong} of the ${graphs} graphs` : `right on all ${graphs} graphs`;
    const size = `Width ${width}, ${model.bits}-bit values`;
    return `${size}: ${bound} (least width ${model.leastWidth}).  The certifier: ${share}.`;
  }

  /** All messages with the sets that send them; where two sets share one, a choice of such pairs. */
  function showMessages(root, model, load) {
    const groups = Explore.protocol.bySameMessage(model);
    const alike = groups.filter(([, sets]) => sets.length > 1);
    const all = html("details", {}, html("summary", {}, "all messages"), messageTable(groups));
    const count = `${2 ** model.r} sets, ${groups.length} messages: `;
    if (!alike.length) {
      root.replaceChildren(html("p", {}, `${count}no two sets look alike to Bob.`), all);
      return;
    }
    const pairs = alike.flatMap(([word, sets]) => pairsOf(sets).map(([a, b]) => ({ word, a, b })));
    const choice = html("select", { "aria-label": "two sets with the same message" },
      ...pairs.map(({ word, a, b }, at) => new Option(`${inSet(a)} and ${inSet(b)} both send ${word}`, at)));
    const shown = html("div", { class: "pair", "aria-live": "polite" });
    const showPair = () => {
      const { a, b } = pairs[choice.value];
      const { table, sets } = collision(model, a, b);
      const button = html("button", { type: "button" }, "step through the wrong one");
      button.addEventListener("click", () => load(sets));
      shown.replaceChildren(table, button);
    };
    choice.addEventListener("change", showPair);
    const words = `${count}some sets look alike to Bob, and with {i} in his hands he is wrong about one of them.`;
    root.replaceChildren(html("p", {}, words), choice, shown, all);
    showPair();
  }

  const pairsOf = sets => sets.flatMap((a, at) => sets.slice(at + 1).map(b => [a, b]));

  function messageTable(groups) {
    const rows = groups.map(([word, sets]) => line(word, [sets.map(inSet).join("  ")]));
    return html("table", {}, html("tbody", {}, ...rows));
  }

  return { start };
})();
