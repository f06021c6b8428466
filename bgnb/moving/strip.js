// Patches in lanes, one for each kind: after every epoch each patch moves to its backgroundness. A button plays all epochs.

// The share of scores above 1/2, and their median.
function summary(scores) {
  const sorted = [...scores].sort((a, b) => a - b), n = sorted.length;
  const median = (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2;
  return { above: sorted.filter((score) => score > 0.5).length / n, median };
}

// Rows for tiles at places `x`, in order of x: the first row where it meets no other; in a full lane the one with most room.
function rowsOf(x, side, most) {
  const order = [...x.keys()].sort((a, b) => x[a] - x[b]), ends = [], rows = [];
  for (const i of order) {
    let row = ends.findIndex((end) => x[i] - end >= side);
    if (row < 0) row = ends.length < most ? ends.length : ends.indexOf(Math.min(...ends));
    ends[row] = x[i];
    rows[i] = row;
  }
  return rows;
}

function render({ model, el }) {
  const picture = open({ model, el }, () => place());
  const { given, data } = picture;
  const { epochs, kinds, shown, names } = given; // kinds: of all patches; shown: kind -> numbers of the tiles
  const scores = floats(data.scores), n = kinds.length;
  const at = (epoch, i) => scores[(epoch - 1) * n + i];
  const lanes = names.map((name) => {
    const tiles = shown[name].map((number) => {
      const tile = h("canvas", { width: given.width, height: given.height, class: "tile" });
      return { number, tile };
    });
    const middle = h("div", { class: "middle" });
    const box = h("div", { class: "lane" }, h("div", { class: "half" }), middle, ...tiles.map(({ tile }) => tile));
    const all = [...kinds].flatMap((kind, i) => (kind === name ? [i] : []));
    return { name, all, tiles, middle, box, height: 0, words: h("figcaption") };
  });
  let playing = null, last = 0, before = 0;

  function place() {
    const { epoch } = picture.state, width = lanes[0].box.clientWidth;
    if (!width) return;
    // While a key is held down, tiles jump. They do not glide.
    picture.root.classList.toggle("hurried", performance.now() - before < 200);
    before = performance.now();
    const side = width < 520 ? 28 : 38, most = 6, X = (score) => side / 2 + 2 + score * (width - side - 4);
    if (width !== last) { // every lane is as high as its fullest epoch, so nothing below it jumps
      for (const lane of lanes) {
        let tall = 1;
        for (let e = 1; e <= epochs; e++) {
          tall = Math.max(tall, 1 + Math.max(...rowsOf(lane.tiles.map(({ number }) => X(at(e, number))), side, most)));
        }
        lane.height = tall * (side + 2) + 4;
        lane.box.style.height = `${lane.height}px`;
        for (const { tile } of lane.tiles) tile.style.width = tile.style.height = `${side}px`;
      }
      last = width;
    }
    for (const { name, all, tiles, middle, height, words } of lanes) { // nothing is measured here, so the page is laid out once
      const { above, median } = summary(Float32Array.from(all, (i) => at(epoch, i)));
      const x = tiles.map(({ number }) => X(at(epoch, number)));
      const rows = rowsOf(x, side, most);
      tiles.forEach(({ number, tile }, i) => {
        tile.style.borderColor = LOOK.backgroundness[levelOf(at(epoch, number))];
        tile.style.transform = `translate(${x[i] - side / 2}px, ${height - (rows[i] + 1) * (side + 2) - 3}px)`;
        tile.title = `backgroundness ${fixed(at(epoch, number))}`;
      });
      middle.style.transform = `translate(${X(median)}px)`;
      middle.style.borderColor = LOOK.kinds[name][0];
      words.replaceChildren(h("b", { class: "kind", ...colourOf(name) }, letter(name)),
        ` ${LOOK.kinds[name][1].replace(/^[PFN]: /, "")}. Of all ${all.length}: median ${fixed(median)}, `
        + `${percent(above)} called background`);
    }
    axis.redraw();
  }

  const axis = chart(44, "backgroundness from 0, target, to 1, background", (width) => {
    const side = width < 520 ? 28 : 38;
    const frame = { x: [0, 1], y: [0, 1], xlabel: "backgroundness (0 target, 1 background)", yticks: [], top: 0 };
    return axes(width, 44, { ...frame, xticks: [0, 0.25, 0.5, 0.75, 1], left: side / 2 + 2, right: side / 2 + 2 }).drawn;
  });

  function stop() {
    clearInterval(playing);
    playing = null;
    button.textContent = "Play";
    picture.save();
  }

  function play() {
    if (playing) return stop();
    if (picture.state.epoch >= epochs) picture.put({ epoch: 1 });
    button.textContent = "Stop";
    playing = setInterval(() => {
      if (picture.state.epoch >= epochs) return stop();
      picture.put({ epoch: picture.state.epoch + 1 });
    }, 700);
  }

  const ramp = LOOK.backgroundness.filter((_, i) => i % 50 === 0);
  const button = h("button", { type: "button", click: play }, "Play");
  picture.root.append(
    style(`
      .own .lane { position: relative; border-bottom: 1px solid var(--m-line); overflow: hidden; }
      .own .tile { position: absolute; left: 0; top: 0; border: 4px solid; border-radius: 3px; image-rendering: auto; }
      .own .half { position: absolute; left: 50%; top: 0; bottom: 0; border-left: 1px dashed var(--m-soft); }
      .own .middle { position: absolute; left: 0; top: 0; bottom: 0; margin-left: -2px; border-left: 4px solid; opacity: .55; }
      .own .kind { padding: 0 .4rem; border-radius: .2rem; background: var(--colour); color: var(--letter); }
      @media (prefers-reduced-motion: no-preference) {
        .bgnb:not(.hurried) :is(.tile, .middle) { transition: transform .4s; }
      }`),
    controls(slider(picture, "epoch", "epoch", [1, epochs, 1], (epoch) => `${epoch} of ${epochs}`), button),
    ...lanes.map(({ box, words }) => h("figure", { class: "wide" }, words, box)),
    axis,
    h("ul", { class: "legend" },
      h("li", {}, h("i", { class: "fill", "--colour": `linear-gradient(90deg, ${ramp})` }), "frame: backgroundness"),
      h("li", {}, "thick line: median of all patches of this kind"), h("li", {}, "dashed: 0.5")),
  );
  new ResizeObserver(place).observe(lanes[0].box);
  picture.redraw();
  sheet(data.pixels, given, (draw) => {
    for (const { tiles } of lanes) for (const { number, tile } of tiles) draw(tile.getContext("2d"), given.sheet[number]);
  });
  return () => { clearInterval(playing); picture.close(); };
}

export default { render };
