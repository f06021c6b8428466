// A heat map whose cells open their maps: choose a cell, and see what its network finds in the photos.

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show(state));
  const { given, data } = picture;
  const { rows, columns, mean, low, high, range, thresholds, width, height, cell, n, together, seeds } = given;
  const across = width / cell, down = height / cell, size = across * down;
  const levels = bytes(data.levels), masks = data.masks && bytes(data.masks), packed = Math.ceil((width * height) / 8);
  const words = said();
  const above = Array.from({ length: together }, () => canvas(width, height, "photo with the outline of its map", 384));
  const below = Array.from({ length: together }, () => canvas(width, height, "targetness", 384));
  const captions = above.map(() => h("figcaption"));
  const maskOf = (number) => masks.subarray(number * packed, (number + 1) * packed);
  const border = kept((number) => contour((j) => bit(maskOf(number), j), width, height, above[0].width / width));
  let draw;

  const colour = (value) => LOOK.viridis[Math.round(100 * Math.min(1, (value - range[0]) / (range[1] - range[0])))];
  const light = (hex) => rgb(hex).reduce((sum, part, i) => sum + [0.2126, 0.7152, 0.0722][i] * (part / 255) ** 2.2, 0);
  const choose = (row, column) => { picture.put({ row, column }); picture.save(); };

  function keys(event, row, column) { // arrow keys walk from cell to cell
    const [dy, dx] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    const [y, x] = [row + dy, column + dx];
    if ((!dy && !dx) || !rows[y] || !columns[x]) return;
    event.preventDefault();
    choose(y, x);
    buttons[y][x].focus();
  }

  const spread = (y, x) => `${fixed(low[y][x])} … ${fixed(high[y][x])}`;
  const buttons = rows.map((row, y) => columns.map((column, x) => {
    const background = colour(mean[y][x]), ink = light(background) > 0.18 ? "#000" : "#fff";
    return h("button", {
      type: "button", "--cell": background, "--ink": ink,
      "aria-label": `${given.names[0]} ${row}, ${given.names[1]} ${column}: ${fixed(mean[y][x])}`,
      click: () => choose(y, x), keydown: (event) => keys(event, y, x),
    }, h("strong", {}, fixed(mean[y][x])), ...(seeds > 1 ? [h("small", {}, spread(y, x))] : []));
  }));

  function show({ row, column, photo, outline }) {
    buttons.flat().forEach((button) => button.setAttribute("aria-pressed", "false"));
    buttons.forEach((line, y) => line.forEach((button, x) => { button.tabIndex = y === row && x === column ? 0 : -1; }));
    buttons[row][column].setAttribute("aria-pressed", "true");
    const threshold = thresholds[row][column], k = levelOf(threshold);
    words.textContent = `${given.names[0]} ${rows[row]}, ${given.names[1]} ${columns[column]}: `
      + `${given.title} ${fixed(mean[row][column])}. Maps of the first seed, cut at their best threshold, ${fixed(threshold)}.`;
    if (!draw) return;
    above.forEach((one, i) => {
      const number = (photo + i) % n, at = ((row * columns.length + column) * n + number) * size;
      const map = levels.subarray(at, at + size), mask = masks && maskOf(number);
      const pens = [one, below[i]].map((box) => box.getContext("2d"));
      draw(pens[0], number);
      paint(pens[1], across, down, (j) => MAGMA[map[j]]);
      const edge = contour((j) => map[j] >= k, across, down, one.width / across);
      for (const pen of pens) {
        if (mask) stroke(pen, border(number), LOOK.mask, 3, [10, 8]);
        if (outline) stroke(pen, edge, LOOK.outline, 4);
      }
      captions[i].textContent = mask ? `IoU ${fixed(ious(map, cell, width, height, mask)[k])}` : `photo ${number}`;
    });
  }

  const head = h("tr", {}, h("td"), ...columns.map((column) => h("th", { scope: "col" }, String(column))));
  const lines = rows.map((row, y) =>
    h("tr", {}, h("th", { scope: "row" }, String(row)), ...buttons[y].map((button) => h("td", {}, button))));
  picture.root.append(
    style(`
      .own table.cells { border-collapse: separate; border-spacing: 3px; width: 100%; max-width: 34rem; table-layout: fixed;
        font: inherit; margin: 0; font-variant-numeric: tabular-nums; }
      .own .cells td, .own .cells th { padding: 0; border: 0; text-align: center; vertical-align: middle; background: none; }
      .own .cells td:first-child, .own .cells th:first-child { width: 3rem; }
      .own .cells button { width: 100%; min-height: 3.4rem; padding: .2rem; border: 3px solid transparent;
        border-radius: .3rem; background: var(--cell); color: var(--ink);
        display: grid; place-content: center; line-height: 1.25; }
      .own .cells strong { font-size: 1.15rem; } .own .cells small { font-size: .72rem; }
      .own .cells [aria-pressed=true] { border-color: ${LOOK.series[4]}; box-shadow: 0 0 0 3px var(--m-ink); }
      .own .three { display: grid; grid-template-columns: repeat(${together}, minmax(0, 1fr)); gap: .5rem; max-width: 46rem; }
      .own .three figure { margin: 0; }`),
    h("figure", { class: "wide" },
      h("figcaption", {}, `${given.title}: ${given.names[1]} across, ${given.names[0]} down`),
      h("table", { class: "cells" }, h("tbody", {}, head, ...lines))),
    words,
    controls(
      ...(n > together ? [slider(picture, "photo", "first photo", [0, n - 1, 1], String)] : []),
      tickBox(picture, "outline", "outline"),
    ),
    h("div", { class: "three" }, ...captions.map((caption, i) => h("figure", {}, caption, above[i])), ...below),
    legend([LOOK.outline, "targetness ≥ map threshold"], ...(masks ? [[LOOK.mask, "mask", "dashed"]] : []), magmaLegend()),
  );
  sheet(data.photos, given, (drawer) => { draw = drawer; picture.redraw(); });
  picture.redraw();
  return picture.close;
}

export default { render };
