// A network that learns in the page, and what becomes of its patches meanwhile. See training.js, micro.js, lanes.js, curves.js.

const PACES = [[1, "1 a second"], [5, "5 a second"], [25, "25 a second"], [Infinity, "as fast as it can"]];
const PAUSE = 80; // milliseconds between two drawings of the charts: they take longest, and change least

function render({ model, el }) {
  const picture = open({ model, el }, (state) => { shown(state); ask(state); });
  const { given, data } = picture, { size, targets, cell, rates } = given, known = given.pi !== null;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const lanes = lanesOf(given, 4), words = said(), map = canvas(size, size, "photo with the map of the network");
  let place, draw, last, points = [], running = false, seed = given.seed, frame = 0, smooth, began = 0, first = 0;
  let asked = -1, drawn = 0;

  function ask({ ratio, lr, pace, truth, raw, photo }, more = {}) {
    const pauses = calm.matches ? { slice: 400, rest: 100 } : place?.pauses;
    place?.hear({ ratio: 2 ** ratio, lr: rates[lr], pace: PACES[pace][0], truth, raw, photo, running, ...pauses, ...more });
  }
  function shown({ photo }) { if (photo !== asked) { asked = photo; paintMap(); } }

  function hear(report) {
    if (report.error) { words.textContent = report.error; return; }
    if (report.updates < last?.updates || !report.updates) { points = []; smooth = undefined; }
    if (report.loss !== null) smooth = smooth === undefined ? report.loss : 0.9 * smooth + 0.1 * report.loss;
    last = { ...report, ...(known && honest(report.ratio, given.pi, report.truth)) };
    frame ||= requestAnimationFrame(() => { frame = 0; show(); });
  }

  function show() {
    const { updates, scores, level, floor, found, threshold } = last;
    const medians = lanes.place((i) => scores[i], level);
    if (!Object.keys(medians).length) return;
    if (points.at(-1)?.updates === updates) points.pop();
    points = thinned([...points, { updates, medians, level, floor, loss: smooth }]);
    if (!running || performance.now() - drawn > PAUSE) redrawCharts();
    paintMap();
    const told = given.names.map((name) => `${letter(name)} ${fixed(medians[name].median)}`).join(", ");
    const speed = running ? `, ${((updates - first) / ((performance.now() - began) / 1000)).toFixed(0)} a second` : "";
    const counted = found === undefined ? "" : ` Found in ${found} of ${targets} photos (map threshold ${fixed(threshold)}).`;
    words.setAttribute("aria-live", running ? "off" : "polite"); // nobody wants to hear every update
    const formula = known ? ` The formula says ${fixed(level)} for F and N.` : "";
    words.textContent = `${updates} updates${speed}. Medians: ${told}.${formula}${counted}`;
  }

  function redrawCharts() {
    drawn = performance.now();
    for (const one of [curves, losses]) one.redraw();
  }

  function paintMap() {
    if (!draw) return;
    const pen = map.getContext("2d"), side = size / cell, colours = magma(0.62);
    draw(pen, picture.state.photo);
    if (last) paint(pen, side, side, (i) => colours[last.levels[i]]);
  }

  const medians = given.names.map((name) => [(point) => point.medians[name].median, LOOK.kinds[name][0]]);
  const curves = chart(230, "medians of the kinds over the updates, and the formula", (room) =>
    curvesOf(points, room, 230, "backgroundness", 1, [[(point) => point.level, INK, "6 4"], ...medians]));
  const losses = chart(230, "loss over the updates, and its floor", (room) =>
    curvesOf(points, room, 230, "loss", 1, [[(point) => point.floor, INK, "6 4"], [(point) => point.loss, "var(--m-accent)"]]));

  function run(on) {
    [running, began, first] = [on, performance.now(), last?.updates ?? 0];
    go.textContent = on ? "Pause" : "Train";
    if (!on) redrawCharts();
    ask(picture.state);
  }
  const button = (text, click) => h("button", { type: "button", click }, text);
  const go = button("Train", () => run(!running));
  const step = button("One update", () => { run(false); ask(picture.state, { step: true }); });
  const again = button("Another seed", () => {
    [began, first] = [performance.now(), 0];
    ask(picture.state, { seed: ++seed });
  });
  const part = (name) => (value) => name[value][1] ?? short(name[value]);
  picture.root.append(
    style(LANES),
    controls(slider(picture, "ratio", "background : target", [-3, 2, 0.25], ratioWords), go, step, again),
    words,
    ...lanes.parts,
    h("div", { class: "row" }, panel("The map of a photo", map), panel("Medians, and the formula (dashed)", curves),
      panel("Loss, and its floor (dashed)", losses)),
    controls(
      slider(picture, "photo", "photo", [0, targets - 1, 1], String),
      slider(picture, "pace", "updates", [0, PACES.length - 1, 1], part(PACES)),
      slider(picture, "lr", "learning rate", [0, rates.length - 1, 1], (value) => short(rates[value])),
      ...(known ? [tickBox(picture, "truth", "tell it the truth")] : []),
      tickBox(picture, "raw", "show the raw weights"),
    ),
    h("ul", { class: "legend" }, ...lanes.legend, ...(known ? [h("li", {}, "dashed: what the formula says")] : [])),
    legend(magmaLegend()),
  );
  new ResizeObserver(() => { if (last) show(); }).observe(lanes.boxes[0]);
  picture.redraw();

  prepared(given, data).then(async ({ image, begin }) => {
    draw = (pen, i, x = 0, y = 0, side = size) => pen.drawImage(image, (i % given.across) * size + x,
      Math.floor(i / given.across) * size + y, side, side, 0, 0, pen.canvas.width, pen.canvas.height);
    for (const { number, tile } of lanes.tiles) {
      const [i, y, x] = begin.watched.subarray(3 * number, 3 * number + 3);
      draw(tile.getContext("2d"), i, x, y, given.patch);
    }
    paintMap();
    place = await workplace(hear);
    ask(picture.state, { begin, seed });
  });
  return () => { place?.end(); picture.close(); };
}

export default { render };
