// The first half of the page: reads the fields, fills the tables, says the verdict, and has the axis drawn.
"use strict";

Explore.boundsPage = (() => {
  const { InputError } = Explore.size;
  const ENTROPY_STEPS = 48;

  const inWords = value => {
    if (value === true) return "ruled out";
    if (value === false) return "open";
    return typeof value === "bigint" ? value.toLocaleString("en") : value;
  };

  function start(root) {
    const inputs = [...root.querySelectorAll("[name]")];
    const sliders = [...root.querySelectorAll("input[type=range]")];
    const refresh = soon(() => update(root, read(inputs)));
    for (const input of inputs) input.addEventListener("input", () => (followAll(sliders, root), refresh()));
    for (const slider of sliders) slider.addEventListener("input", () => (push(slider, root), refresh()));
    new ResizeObserver(refresh).observe(root.querySelector(".axis-figure"));
    root.querySelector("form").addEventListener("submit", event => event.preventDefault());
    followAll(sliders, root);
    update(root, read(inputs));
  }

  /** Run `work` at the next frame, once however often it is asked for. */
  function soon(work) {
    let waiting = false;
    return () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => ((waiting = false), work()));
    };
  }

  const read = inputs => Object.fromEntries(inputs.map(input => [input.name, input.value]));

  /** A slider's steps 0 to 1000 stand for numbers from `data-least` to `data-most`, on a logarithmic scale. */
  function push(slider, root) {
    const [least, most] = [Number(slider.dataset.least), Number(slider.dataset.most)];
    let number = Math.round(least * (most / least) ** (slider.value / 1000));
    if (slider.dataset.for === "width") number = toHeads(number, root);
    field(root, slider.dataset.for).value = number;
  }

  function followAll(sliders, root) {
    for (const slider of sliders) {
      const [least, most] = [Number(slider.dataset.least), Number(slider.dataset.most)];
      const number = Number(field(root, slider.dataset.for).value) || least;
      slider.value = Math.round((1000 * Math.log(number / least)) / Math.log(most / least));
    }
  }

  const field = (root, name) => root.querySelector(`[name=${name}]`);

  /** The nearest width that the heads divide. */
  function toHeads(number, root) {
    const heads = Number(field(root, "heads").value);
    return heads >= 1 ? Math.max(1, Math.round(number / heads)) * heads : number;
  }

  function update(root, texts) {
    const [verdict, problem] = [root.querySelector(".verdict"), root.querySelector(".problem")];
    for (const input of root.querySelectorAll("[name]")) input.removeAttribute("aria-invalid");
    let size;
    try {
      size = Explore.size.parse(texts);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problem.textContent = error.message;
      field(root, error.field).setAttribute("aria-invalid", "true");
      root.classList.add("stale");
      return;
    }
    problem.textContent = "";
    root.classList.remove("stale");
    const rows = Explore.bounds.table(size);
    fill(root, rows);
    root.querySelector("thead .r").textContent = inWords(size.r);
    verdict.replaceChildren(...Explore.verdict.sentences(size, rows).map(text => paragraph(text, root)));
    drawAxis(root, size, rows);
  }

  /** A sentence, its statements' ids linked as the tables link them. */
  function paragraph(text, root) {
    const made = document.createElement("p");
    for (const word of text.split(/((?:own|thm|cor)-[a-z0-9.-]*[a-z0-9])/)) {
      const link = root.querySelector(`[data-statement="${word}"] a`);
      made.append(link ? Object.assign(document.createElement("a"), { href: link.href, textContent: word }) : word);
    }
    return made;
  }

  /** Put every row's value into its cell; `data-value` holds it as `parrots bounds --json` prints it. */
  function fill(root, rows) {
    for (const { statement, quantity, value, missing } of rows) {
      const cell = root.querySelector(`[data-statement="${statement}"] [data-quantity="${quantity}"]`);
      cell.dataset.value = value === null ? "" : String(value);
      cell.textContent = value === null ? absent(missing) : inWords(value);
      cell.classList.toggle("absent", value === null);
      cell.classList.toggle("out", value === true);
    }
  }

  const absent = missing => (missing.length ? `needs ${missing.join(", ")}` : "–");

  function drawAxis(root, size, rows) {
    const lanes = (kind, quantity) =>
      rows.filter(row => row.kind === kind && row.quantity === quantity).map(({ statement, value, missing }) => ({
        label: root.querySelector(`[data-statement="${statement}"] a`).textContent,
        note: value === null ? absent(missing) : inWords(value),
        value, kind,
      }));
    const bounds = lanes("bound", "min_width");
    const built = [...lanes("built", "construction_width"), ...lanes("aside", "construction_width")];
    const known = [...bounds, ...built].map(lane => lane.value).filter(value => value !== null);
    const most = Math.max(10, ...known.map(Number), Number(size.D ?? 1n)) * 1.5;
    const ceilings = Explore.bounds.CEILINGS.filter(({ needs }) => Explore.bounds.has(size, needs));
    const marks = rows.filter(row => row.kind === "ceiling" && row.value !== null);
    Explore.draw.widths(root.querySelector(".axis-figure"), {
      bounds, built, most, D: size.D,
      curves: ceilings.map(ceiling => ({ kind: ceiling.statement, at: width => roughCeiling(ceiling, size, width) })),
      marks: marks.map(({ statement, value }) => ({ kind: statement, value })),
      describe: root.querySelector(".verdict").textContent,
      pick: width => {
        field(root, "width").value = toHeads(Math.max(1, Math.round(width)), root);
        field(root, "width").dispatchEvent(new Event("input"));
      },
    });
  }

  /** A point of a curve, in floating point: 1 - h2^-1(1 - M/n) by bisection. */
  function roughCeiling({ rough, free }, size, width) {
    const { high, bits } = rough(size, width);
    const share = Number((high << 20n) / (free(size) << bits)) / 2 ** 20;
    let [low, top] = [0, 0.5];
    for (let step = 0; step < ENTROPY_STEPS; step++) {
      const x = (low + top) / 2;
      const entropy = -x * Math.log2(x) - (1 - x) * Math.log2(1 - x);
      if (entropy > 1 - share) top = x;
      else low = x;
    }
    return 1 - low;
  }

  return { start };
})();
