// Three routes to a ratio of k, as three networks that learn in the page, from one seed. See training.js and curves.js.

const ROUTES = [
  ["more crops", "k background patches for each target patch", (k) => ({ ratio: k, weight: 1, factor: 1 })],
  ["loss weight", "as many of both, but each background patch counts k times", (k) => ({ ratio: 1, weight: k, factor: 1 })],
  ["log k afterwards", "as many of both; log k is added to the logits", (k) => ({ ratio: 1, weight: 1, factor: k })],
];

const PAUSE = 80; // milliseconds between two drawings: three networks report far more often than eyes can follow

function render({ model, el }) {
  const picture = open({ model, el }, (state) => { say(); for (const route of routes) ask(route, state); });
  const { given, data } = picture, words = said();
  let running = false, seed = given.seed, waiting = 0;

  const routes = ROUTES.map(([name, how, wish]) => {
    const route = { name, wish, points: [], told: h("p", { class: "note" }) };
    const lines = given.names.map((kind) => [(point) => point.medians[kind], LOOK.kinds[kind][0]]);
    route.curves = chart(210, `${name}: medians of the kinds over the updates, and the formula`, (room) =>
      curvesOf(route.points, room, 210, "backgroundness", 1, [[(point) => point.level, INK, "6 4"], ...lines]));
    route.panel = panel(name, h("p", { class: "note" }, `${how}.`), route.curves, route.told);
    return route;
  });

  function ask(route, { k }, more = {}) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches && { slice: 400, rest: 100 };
    route.place?.hear({ ...route.wish(2 ** k), k: 2 ** k, lr: given.lr, pace: Infinity, truth: false, raw: false,
      running, ...route.place.pauses, ...calm, ...more });
  }

  function hear(route, report) {
    if (report.error) { words.textContent = report.error; return; }
    const { updates, scores, found } = report, last = route.points.at(-1);
    if (!updates || updates < last?.updates) route.points = [];
    if (last?.updates === updates) route.points.pop();
    const of = (kind) => scores.filter((_, i) => given.kinds[i] === kind);
    const medians = Object.fromEntries(given.names.map((kind) => [kind, summary(of(kind)).median]));
    const level = given.pi === null ? undefined : honest(report.k, given.pi).level;
    route.points = thinned([...route.points, { updates, medians, level }]);
    route.found = found;
    waiting ||= setTimeout(() => { waiting = 0; show(); }, PAUSE);
  }

  function show() {
    for (const { curves, points, told, found } of routes) {
      const last = points.at(-1);
      curves.redraw();
      if (!last) continue;
      const medians = given.names.map((kind) => `${letter(kind)} ${fixed(last.medians[kind])}`).join(", ");
      told.textContent = `${last.updates} updates. ${medians}.${found === undefined ? "" : ` Found in ${found} photos.`}`;
    }
    say();
  }

  function say() {
    const k = 2 ** picture.state.k, level = given.pi !== null && fixed(honest(k, given.pi).level);
    words.textContent = `k = ${short(+k.toPrecision(2))}.${level ? ` The formula says ${level} for F and N.` : ""}`;
  }

  const go = h("button", { type: "button", click: () => {
    running = !running;
    go.textContent = running ? "Pause" : "Train";
    picture.redraw();
  } }, "Train");
  const again = h("button", { type: "button", click: () => {
    seed++;
    for (const route of routes) ask(route, picture.state, { seed });
  } }, "Another seed");
  picture.root.append(
    style(".own .note { margin: 0 0 .3rem; font-size: .93em; }"),
    controls(slider(picture, "k", "k", [-3, 3, 0.25], (k) => short(+(2 ** k).toPrecision(2))), go, again),
    words,
    h("div", { class: "row" }, ...routes.map((route) => route.panel)),
    h("ul", { class: "legend" }, h("li", {}, "dashed: what the formula says")),
    legendOfKinds(given.names),
  );
  picture.redraw();
  prepared(given, data).then(({ begin }) => {
    for (const route of routes) {
      workplace((report) => hear(route, report)).then((place) => {
        route.place = place;
        ask(route, picture.state, { begin, seed });
      });
    }
  });
  return () => { for (const { place } of routes) place?.end(); picture.close(); };
}

export default { render };
