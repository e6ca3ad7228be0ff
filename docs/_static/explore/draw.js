// The axis of widths as SVG: what is ruled out, what is built, where the reader's model is, and its accuracy ceilings.
// Positions on the screen are floating point; every number that is shown was computed exactly elsewhere.
"use strict";

Explore.draw = (() => {
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const [MARGIN, LANE, HEAD, PLOT, FOOT] = [14, 38, 46, 150, 40];
  const SAMPLES = 72;

  function element(name, attributes = {}, ...children) {
    const made = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** A logarithmic scale from width 1 to `most`, `room` pixels wide. */
  function scaleTo(most, room) {
    const inner = room - 2 * MARGIN;
    const at = width => MARGIN + (inner * Math.log(Number(width))) / Math.log(most);
    const from = x => Math.exp((Math.min(Math.max(x - MARGIN, 0), inner) / inner) * Math.log(most));
    return { at: width => Math.min(at(width), room - MARGIN), from, right: room - MARGIN };
  }

  /** Ticks 1, 2, 5, 10, 20, ... or powers of ten, at most about one in 48 pixels. */
  function ticks(most, room) {
    const all = [];
    for (let power = 1; power <= most; power *= 10) all.push(...[1, 2, 5].map(n => n * power).filter(n => n <= most));
    return all.length * 48 <= room ? all : all.filter(n => /^10*$/.test(String(n)));
  }

  /**
   * Draw into `figure`.  `bounds` and `built` are lanes {label, value (BigInt or null), note, kind}, `curves` are
   * {kind, at: D -> accuracy}, `marks` are {kind, value} at the reader's width `D` (BigInt or null).
   */
  function widths(figure, { bounds, built, curves, marks, D, most, describe, pick }) {
    const room = Math.max(280, figure.clientWidth);
    const scale = scaleTo(most, room);
    const lanes = [...bounds, ...built];
    const bottom = HEAD + LANE * lanes.length;
    const plot = { top: bottom + 34, bottom: bottom + 34 + PLOT };
    const height = plot.bottom + FOOT;
    const svg = element("svg", { viewBox: `0 0 ${room} ${height}`, width: room, height, role: "img" });
    svg.append(element("title", {}, describe));
    svg.append(...regions(bounds, built, scale, bottom));
    lanes.forEach((lane, row) => svg.append(...drawLane(lane, scale, HEAD + LANE * row)));
    svg.append(...drawCurves(curves, scale, plot, most), ...axis(scale, ticks(most, room), plot.bottom, height, room));
    if (D !== null) svg.append(...marker(D, marks, scale, plot));
    svg.addEventListener("click", event => pick(scale.from(event.clientX - svg.getBoundingClientRect().left)));
    figure.replaceChildren(svg);
  }

  const largest = values => values.reduce((most, value) => (value > most ? value : most), 1n);

  /** The background: left of every bound, right of the narrowest weights that the bounds speak of, and between. */
  function regions(bounds, built, scale, bottom) {
    const needed = largest(bounds.map(lane => lane.value).filter(value => value !== null));
    const enough = built.filter(lane => lane.value !== null && lane.kind === "built").map(lane => lane.value);
    const start = enough.length ? enough.reduce((least, value) => (value < least ? value : least)) : null;
    const [left, right] = [scale.at(needed), start === null ? scale.right : scale.at(start)];
    const part = (kind, from, to, text) => {
      const box = { x: from, y: 24, width: Math.max(0, to - from), height: bottom - 18 };
      const shown = [element("rect", { class: `region ${kind}`, ...box })];
      const place = { x: (from + to) / 2, y: 16, "text-anchor": "middle" };
      if (to - from > 7 * text.length) shown.push(element("text", { class: `caption ${kind}`, ...place }, text));
      return shown;
    };
    return [
      ...part("out", MARGIN, left, "ruled out"),
      ...part("open", left, right, "open"),
      ...part("in", right, start === null ? right : scale.right, "built"),
    ];
  }

  function drawLane({ label, value, note, kind }, scale, top) {
    const side = kind === "bound" ? { x: MARGIN + 6 } : { x: scale.right - 6, "text-anchor": "end" };
    const name = element("text", { class: "lane", ...side, y: top + 11 }, label);
    if (value === null) {
      name.append(element("tspan", { class: "note", dx: 8 }, note));
      return [name];
    }
    const x = scale.at(value);
    const ends = kind === "bound" ? [MARGIN, x] : [x, scale.right];
    const box = { x: ends[0], y: top + 17, width: Math.max(1, ends[1] - ends[0]), height: 8 };
    const bar = element("rect", { class: `bar ${kind}`, ...box });
    const tip = element("circle", { class: `tip ${kind}`, cx: x, cy: top + 21, r: 5 });
    name.append(element("tspan", { class: "value", dx: 8 }, note));
    return [bar, tip, name];
  }

  function drawCurves(curves, scale, { top, bottom }, most) {
    const y = accuracy => bottom - (accuracy - 0.5) * 2 * (bottom - top);
    const drawn = [element("text", { class: "lane", x: MARGIN + 6, y: top - 12 }, "accuracy at most")];
    for (const level of [0.5, 0.75, 1]) {
      drawn.push(element("line", { class: "grid", x1: MARGIN, x2: scale.right, y1: y(level), y2: y(level) }));
      const place = { x: scale.right, y: y(level) - 3, "text-anchor": "end" };
      drawn.push(element("text", { class: "tick", ...place }, String(level)));
    }
    for (const { kind, at } of curves) {
      const points = [];
      for (let step = 0; step <= SAMPLES; step++) {
        const width = BigInt(Math.max(1, Math.round(most ** (step / SAMPLES))));
        points.push(`${scale.at(width).toFixed(1)},${y(at(width)).toFixed(1)}`);
      }
      drawn.push(element("polyline", { class: `curve ${kind}`, points: points.join(" ") }));
    }
    return drawn;
  }

  function axis(scale, numbers, base, height, room) {
    const drawn = [element("line", { class: "axis", x1: MARGIN, x2: scale.right, y1: base, y2: base })];
    for (const number of numbers) {
      const x = scale.at(number);
      drawn.push(element("line", { class: "axis", x1: x, x2: x, y1: base, y2: base + 4 }));
      const place = { x, y: base + 16, "text-anchor": "middle" };
      drawn.push(element("text", { class: "tick", ...place }, number.toLocaleString("en")));
    }
    drawn.push(element("text", { class: "lane", x: room / 2, y: height - 6, "text-anchor": "middle" }, "width D"));
    return drawn;
  }

  function marker(D, marks, scale, { top, bottom }) {
    const x = scale.at(D);
    const place = x > scale.right - 90 ? { x: x - 6, "text-anchor": "end" } : { x: x + 6, "text-anchor": "start" };
    const drawn = [
      element("line", { class: "marker", x1: x, x2: x, y1: 24, y2: bottom }),
      element("text", { class: "marker", y: 37, ...place }, `D = ${D.toLocaleString("en")}`),
    ];
    for (const { kind, value } of marks) {
      const y = bottom - (Number(value) - 0.5) * 2 * (bottom - top);
      drawn.push(element("circle", { class: `point ${kind}`, cx: x, cy: y, r: 5 }));
    }
    return drawn;
  }

  return { element, widths };
})();
