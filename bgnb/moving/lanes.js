// Patches as tiles in lanes, one lane for each kind, each tile at its backgroundness.

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

const LANES = `
  .own .lane { position: relative; border-bottom: 1px solid var(--m-line); overflow: hidden; }
  .own .tile { position: absolute; left: 0; top: 0; border: 4px solid; border-radius: 3px; image-rendering: auto; }
  .own .half { position: absolute; left: 50%; top: 0; bottom: 0; border-left: 2px dotted var(--m-soft); }
  .own .middle { position: absolute; left: 0; top: 0; bottom: 0; margin-left: -2px; border-left: 4px solid; opacity: .55; }
  .own .level { position: absolute; left: 0; top: 0; bottom: 0; border-left: 3px dashed var(--m-ink); display: none; }
  .own .kind { padding: 0 .4rem; border-radius: .2rem; background: var(--colour); color: var(--letter); }
  @media (prefers-reduced-motion: no-preference) {
    .bgnb.glides:not(.hurried) :is(.tile, .middle) { transition: transform .4s; }
  }`;

// The lanes of patches. `kinds`: the kind of each patch, as letters; `shown`: kind -> numbers of the patches that have a tile
// of width x height pixels. A lane has room for `most` rows, or for as many as `tall(rows)` asks, which is told how to count
// them.
function lanesOf({ names, kinds, shown, width, height }, most = 6, tall = () => most) {
  const all = names.map((name) => {
    const tiles = shown[name].map((number) => ({ number, tile: h("canvas", { width, height, class: "tile" }) }));
    const middle = h("div", { class: "middle" }), level = h("div", { class: "level" }), words = h("figcaption");
    const box = h("div", { class: "lane" }, h("div", { class: "half" }), level, middle, ...tiles.map(({ tile }) => tile));
    const members = [...kinds].flatMap((kind, i) => (kind === name ? [i] : []));
    return { name, members, tiles, middle, level, box, words, height: 0 };
  });
  const sideIn = (room) => (room < 520 ? 28 : 38);
  const axis = chart(44, "backgroundness from 0, target, to 1, background", (room) => {
    const frame = { x: [0, 1], y: [0, 1], xlabel: "backgroundness (0 target, 1 background)", yticks: [], top: 0 };
    const edge = sideIn(room) / 2 + 2;
    return axes(room, 44, { ...frame, xticks: [0, 0.25, 0.5, 0.75, 1], left: edge, right: edge }).drawn;
  });
  let last = 0;

  // Move every tile to its score, and tell the summary of each lane by name. `level`: where a formula expects F and N. Nothing
  // is measured after the first line, so the page is laid out once.
  function place(score, level) {
    const room = all[0].box.clientWidth, found = {};
    if (!room) return found;
    const side = sideIn(room), X = (value) => side / 2 + 2 + value * (room - side - 4);
    for (const lane of all) {
      if (room !== last) {
        const rows = tall((at) => 1 + Math.max(...rowsOf(lane.tiles.map(({ number }) => X(at(number))), side, most)));
        lane.height = rows * (side + 2) + 4;
        lane.box.style.height = `${lane.height}px`;
        for (const { tile } of lane.tiles) tile.style.width = tile.style.height = `${side}px`;
      }
      const { above, median } = found[lane.name] = summary(Float32Array.from(lane.members, score));
      const x = lane.tiles.map(({ number }) => X(score(number))), rows = rowsOf(x, side, most);
      lane.tiles.forEach(({ number, tile }, i) => {
        tile.style.borderColor = LOOK.backgroundness[levelOf(score(number))];
        tile.style.transform = `translate(${x[i] - side / 2}px, ${lane.height - (rows[i] + 1) * (side + 2) - 3}px)`;
        tile.title = `backgroundness ${fixed(score(number))}`;
      });
      lane.middle.style.transform = `translate(${X(median)}px)`;
      lane.middle.style.borderColor = LOOK.kinds[lane.name][0];
      lane.level.style.display = level === undefined || lane.name === "P" ? "none" : "block";
      lane.level.style.transform = `translate(${X(level ?? 0)}px)`;
      lane.words.replaceChildren(h("b", { class: "kind", ...colourOf(lane.name) }, letter(lane.name)),
        ` ${LOOK.kinds[lane.name][1].replace(/^[PFN]: /, "")}. Of all ${lane.members.length}: median ${fixed(median)}, `
        + `${percent(above)} called background`);
    }
    last = room;
    axis.redraw();
    return found;
  }

  const ramp = LOOK.backgroundness.filter((_, i) => i % 50 === 0);
  const shades = h("li", {}, h("i", { class: "fill", "--colour": `linear-gradient(90deg, ${ramp})` }), "frame: backgroundness");
  return {
    place,
    parts: [...all.map(({ box, words }) => h("figure", { class: "wide" }, words, box)), axis],
    legend: [shades, h("li", {}, "thick line: median of all patches of this kind"), h("li", {}, "dotted: 0.5")],
    boxes: all.map(({ box }) => box),
    tiles: all.flatMap(({ tiles }) => tiles),
  };
}
