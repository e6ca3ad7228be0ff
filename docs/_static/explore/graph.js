// The small graph: source, r intermediates, target.  Every possible edge can be switched on and off.
"use strict";

Explore.graph = (() => {
  const { element } = Explore.draw;
  const [WIDTH, HEIGHT, EDGE, RADIUS] = [380, 250, 36, 15];

  const middle = (i, r) => ({ x: WIDTH / 2, y: 30 + ((HEIGHT - 60) * (i - 1)) / (r - 1) });
  const source = { x: EDGE, y: HEIGHT / 2 };
  const target = { x: WIDTH - EDGE, y: HEIGHT / 2 };

  /** A graph in `figure` with r intermediates; `toggle(side, i)` is called when the reader switches an edge. */
  function create(figure, r, toggle) {
    const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "the graph" });
    const edges = { alice: [], bob: [] };
    for (let i = 1; i <= r; i++) {
      edges.alice.push(edge("alice", `edge from s to ${i}`, source, middle(i, r), () => toggle("alice", i)));
      edges.bob.push(edge("bob", `edge from ${i} to d`, middle(i, r), target, () => toggle("bob", i)));
    }
    const vertices = [];
    for (let i = 1; i <= r; i++) vertices.push(vertex(middle(i, r), String(i)));
    svg.append(...edges.alice, ...edges.bob, vertex(source, "s"), ...vertices, vertex(target, "d"));
    figure.replaceChildren(svg);
    return { show: (sets, view) => show(svg, edges, vertices, sets, view) };
  }

  /** Mark the edges that are there; `view` (alice, bob or both) says whose edges can be seen. */
  function show(svg, edges, vertices, sets, view) {
    svg.dataset.view = view;
    for (const side of ["alice", "bob"])
      edges[side].forEach((drawn, index) => drawn.setAttribute("aria-checked", sets[side].includes(index + 1)));
    vertices.forEach((drawn, index) => {
      const between = sets.alice.includes(index + 1) && sets.bob.includes(index + 1);
      drawn.classList.toggle("between", between && view === "both");
    });
  }

  function edge(side, label, from, to, toggle) {
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    const [dx, dy] = [(to.x - from.x) / length, (to.y - from.y) / length];
    const [x1, y1] = [from.x + dx * RADIUS, from.y + dy * RADIUS];
    const [x2, y2] = [to.x - dx * RADIUS, to.y - dy * RADIUS];
    const barb = side => `L ${x2 - 10 * dx - side * dy} ${y2 - 10 * dy + side * dx}`;
    const head = `M ${x2} ${y2} ${barb(5)} ${barb(-5)} Z`;
    const made = element(
      "g",
      { class: `edge ${side}`, role: "checkbox", tabindex: "0", "aria-label": label, "aria-checked": "false" },
      element("line", { class: "reach", x1, y1, x2, y2 }),
      element("line", { class: "stroke", x1, y1, x2: x2 - 8 * dx, y2: y2 - 8 * dy }),
      element("path", { class: "head", d: head }),
    );
    made.addEventListener("click", toggle);
    made.addEventListener("keydown", event => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      toggle();
    });
    return made;
  }

  function vertex({ x, y }, name) {
    return element(
      "g",
      { class: "vertex" },
      element("circle", { cx: x, cy: y, r: RADIUS }),
      element("text", { x, y: y + 5, "text-anchor": "middle" }, name),
    );
  }

  return { create };
})();
