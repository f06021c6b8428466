// Drag a window over a photo: what it shows, its backgroundness, the background patches most like it. The map fills in behind.

// Targetness of every pixel from the windows that were visited: the mean of 1 - backgroundness over those that cover it, NaN
// where none does. Once all were visited it can be stretched to 0 ... 1.
function merged(scores, visited, rows, columns, patch, width, height, stretch) {
  const sum = new Float64Array(width * height), count = new Float64Array(width * height);
  rows.forEach((top, row) => columns.forEach((left, column) => {
    const i = row * columns.length + column;
    if (!visited[i]) return;
    for (let y = top; y < top + patch; y++) {
      for (let x = left; x < left + patch; x++) { sum[y * width + x] += 1 - scores[i]; count[y * width + x]++; }
    }
  }));
  const map = sum.map((value, i) => value / count[i]);
  if (!stretch) return map;
  const low = map.reduce((a, b) => Math.min(a, b)), high = map.reduce((a, b) => Math.max(a, b));
  return map.map((value) => (high - low <= 1e-5 * Math.abs(high) ? 0 : (value - low) / (high - low)));
}

const GREY = ink([128, 128, 128], 0.67);

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show?.(state));
  const { given, data } = picture;
  const { width, height, patch, rows, columns, n, near } = given;
  const windows = rows.length * columns.length, most = { row: rows.length - 1, column: columns.length - 1 };
  const scores = floats(data.scores), numbers = integers(data.near), distances = floats(data.distances);
  const left = canvas(width, height, "photo: drag the window, or move it with the arrow keys"), words = said();
  const right = canvas(width, height, "targetness where the window has been"), big = canvas(patch, patch, "the patch", 160);
  const alike = Array.from({ length: near }, () =>
    ({ box: canvas(patch, patch, "a background patch", 96), words: h("figcaption") }));
  let show, visited = new Uint8Array(windows), of = -1, dragged = false;
  left.tabIndex = 0;
  left.setAttribute("role", "application"); // so that a screen reader leaves the arrow keys to it

  const clamp = (value, high) => Math.max(0, Math.min(high, value));
  const nearest = (starts, at) =>
    starts.reduce((best, start, i) => (Math.abs(start - at) < Math.abs(starts[best] - at) ? i : best), 0);
  function point(event) {
    const box = left.getBoundingClientRect(), place = (at, from, size, all) => ((at - from) / size) * all - patch / 2;
    picture.put({
      row: nearest(rows, place(event.clientY, box.top, box.height, height)),
      column: nearest(columns, place(event.clientX, box.left, box.width, width)),
    });
  }
  left.addEventListener("pointerdown", (event) => {
    dragged = true;
    left.setPointerCapture(event.pointerId);
    point(event);
  });
  left.addEventListener("pointermove", (event) => { if (dragged) point(event); });
  for (const end of ["pointerup", "pointercancel"]) left.addEventListener(end, () => { dragged = false; picture.save(); });
  left.addEventListener("keydown", (event) => {
    const [dy, dx] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    if (!dy && !dx) return;
    event.preventDefault();
    const { row, column } = picture.state;
    picture.put({ row: clamp(row + dy, most.row), column: clamp(column + dx, most.column) });
    picture.save();
  });

  const all = h("button", { type: "button", click: () => { visited.fill(1); picture.redraw(); } }, "Visit all windows");
  const none = h("button", { type: "button", click: () => { visited.fill(0); picture.redraw(); } }, "Start again");
  picture.root.append(
    style(`
      .own .drag { touch-action: none; cursor: move; }
      .own .like { display: grid; grid-template-columns: repeat(auto-fit, minmax(4.6rem, 1fr)); gap: .6rem; max-width: 40rem; }
      .own .like figure { margin: 0; } .own .like canvas, .own .one canvas { image-rendering: pixelated; }
      .own .one { flex: 0 1 9.5rem; max-width: 9.5rem; }`),
    controls(...(n > 1 ? [slider(picture, "photo", "photo", [0, n - 1, 1], String)] : []), all, none),
    words,
    h("div", { class: "row" }, panel("Drag the window (or arrow keys)", left), panel("The map so far", right),
      figure("panel one", "The patch", big)),
    wide("The background patches most like it (cosine distance of the network’s features, 0: the same)",
      h("div", { class: "like" }, ...alike.map(({ box, words }) => h("figure", {}, box, words)))),
    legend(magmaLegend()),
  );
  left.classList.add("drag");

  sheet(data.photos, given, (draw) => sheet(data.patches, given.patches, (drawPatch) => {
    show = ({ photo, row, column }) => {
      if (photo !== of) { visited = new Uint8Array(windows); of = photo; }
      const i = row * columns.length + column, at = photo * windows + i, s = left.width / width;
      visited[i] = 1;
      const seen = visited.reduce((a, b) => a + b), mine = scores.subarray(photo * windows, (photo + 1) * windows);
      const pen = left.getContext("2d"), frame = new Path2D();
      draw(pen, photo);
      const cut = [columns[column] * s, rows[row] * s, patch * s, patch * s];
      big.getContext("2d").drawImage(left, ...cut, 0, 0, big.width, big.height);
      frame.rect(...cut);
      stroke(pen, frame, LOOK.outline, 4);
      const map = merged(mine, visited, rows, columns, patch, width, height, seen === windows);
      const other = right.getContext("2d");
      other.clearRect(0, 0, right.width, right.height);
      draw(other, photo);
      paint(other, width, height, (j) => (Number.isNaN(map[j]) ? GREY : MAGMA[Math.round(100 * map[j])]));
      stroke(other, frame, LOOK.outline, 4);
      alike.forEach(({ box, words }, j) => {
        drawPatch(box.getContext("2d"), numbers[at * near + j]);
        words.textContent = fixed(distances[at * near + j]);
      });
      const b = scores[at];
      words.textContent = `Backgroundness ${fixed(b)}: ${b > 0.5 ? "called background" : "called target"}. `
        + `Closest background patch at ${fixed(distances[at * near])}. `
        + (seen < windows ? `${seen} of ${windows} windows visited.` : "All windows visited: the map stretched to 0 ... 1.");
    };
    picture.redraw();
  }));
  return picture.close;
}

export default { render };
