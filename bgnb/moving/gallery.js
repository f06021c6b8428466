// Maps of several methods, side by side over the same photos, all cut at one map threshold.

// The box around the largest connected region of a map at or above a level, as [left, top, right, bottom]. Neighbours share a
// side.
function largestBox(levels, k, columns, rows) {
  const seen = new Uint8Array(levels.length);
  let best = null, most = 0;
  for (let start = 0; start < levels.length; start++) {
    if (seen[start] || levels[start] < k) continue;
    const stack = [start], box = [columns, rows, 0, 0];
    let size = 0;
    seen[start] = 1;
    while (stack.length) {
      const i = stack.pop(), x = i % columns, y = (i - x) / columns;
      size++;
      box.splice(0, 4, Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x + 1), Math.max(box[3], y + 1));
      for (const [u, v] of [[x - 1, y], [x + 1, y], [x, y - 1], [x, y + 1]]) {
        const j = v * columns + u;
        if (u >= 0 && v >= 0 && u < columns && v < rows && !seen[j] && levels[j] >= k) { seen[j] = 1; stack.push(j); }
      }
    }
    if (size > most) { most = size; best = box; }
  }
  return best;
}

// The box around everything that is true, and how well two boxes fit: their IoU; 0 without a box.
function boxAround(inside, columns, rows) {
  const box = [columns, rows, 0, 0];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (!inside(y * columns + x)) continue;
      box.splice(0, 4, Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x + 1), Math.max(box[3], y + 1));
    }
  }
  return box[2] ? box : null;
}

function boxIou(a, b) {
  if (!a || !b) return 0;
  const area = ([left, top, right, bottom]) => Math.max(0, right - left) * Math.max(0, bottom - top);
  const both = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  return both / (area(a) + area(b) - both);
}

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show?.(state));
  const { given, data } = picture;
  const { n, width, height, steps, step, owns, found } = given;
  const parts = given.parts; // step -> [name, pixels along a square of one value, first byte, its own threshold] each
  const masks = data.masks && bytes(data.masks), packed = Math.ceil((width * height) / 8);
  const words = said();
  const panels = parts[0].map(([name]) =>
    ({ box: canvas(width, height, `photo and map of ${name}`, 384), words: h("figcaption") }));
  const outline = (box, scale) => {
    const path = new Path2D();
    if (box) path.rect(box[0] * scale, box[1] * scale, (box[2] - box[0]) * scale, (box[3] - box[1]) * scale);
    return path;
  };
  const threshold = slider(picture, "threshold", "map threshold", [0.01, 0.99, 0.01], fixed, { own: false });
  picture.shows.push(({ own }) => { threshold.style.opacity = own ? 0.45 : 1; });
  let show;
  picture.root.append(
    style(`
      .own .six { display: grid; gap: .7rem; grid-template-columns: repeat(auto-fit, minmax(max(9rem, 30%), 1fr)); }
      .own .six figure, .own .note { margin: 0; max-width: 24rem; } .own .note { font-size: .93em; max-width: none; }`),
    controls(
      ...(steps.length > 1 ? [slider(picture, "step", step, [0, steps.length - 1, 1], (i) => steps[i])] : []),
      threshold,
      ...(owns ? [tickBox(picture, "own", "each at its own best threshold")] : []),
      ...(n > 1 ? [slider(picture, "photo", "photo", [0, n - 1, 1], (i) => `${i} (${n} photos)`)] : []),
      slider(picture, "opacity", "map on the photo", [0, 1, 0.05], percent),
      tickBox(picture, "boxes", "boxes"),
    ),
    words,
    h("div", { class: "six" }, ...panels.map(({ box, words }) => h("figure", {}, words, box))),
    legend([LOOK.outline, "targetness ≥ map threshold"], ...(masks ? [[LOOK.mask, "mask", "dashed"]] : []), magmaLegend()),
    h("p", { class: "note" }, "Boxes: around the largest region of a map, and around the mask."),
  );
  unpacked(data.levels).then((levels) => sheet(data.photos, given, (draw) => {
    const scale = panels[0].box.width / width;
    const maskOf = (photo) => masks.subarray(photo * packed, (photo + 1) * packed);
    const boxOf = kept((photo) => boxAround((i) => bit(maskOf(photo), i), width, height));
    const edgeOf = kept((photo) => contour((i) => bit(maskOf(photo), i), width, height, scale));
    const mapOf = (photo, [, cell, first], size = (width * height) / cell ** 2) =>
      levels.subarray(first + photo * size, first + (photo + 1) * size);
    const fitsOf = kept((key) => { // of a photo, a step and a method, at every threshold
      const [photo, step, i] = key.split(" ").map(Number), part = parts[step][i];
      return ious(mapOf(photo, part), part[1], width, height, maskOf(photo));
    });
    show = ({ threshold, own, step, photo, opacity, boxes }) => {
      const hits = [], colours = magma(opacity), target = masks && boxOf(photo);
      const border = masks && (boxes ? outline(target, scale) : edgeOf(photo));
      parts[step].forEach((part, i) => {
        const [name, cell, , best] = part, k = levelOf(own ? best : threshold), columns = width / cell, rows = height / cell;
        const map = mapOf(photo, part), pen = panels[i].box.getContext("2d");
        draw(pen, photo);
        paint(pen, columns, rows, (j) => colours[map[j]]);
        if (border) stroke(pen, border, LOOK.mask, 3, [10, 8]);
        const box = boxes && largestBox(map, k, columns, rows)?.map((side) => side * cell);
        stroke(pen, boxes ? outline(box, scale) : contour((j) => map[j] >= k, columns, rows, cell * scale), LOOK.outline, 4);
        const fit = masks && (boxes ? boxIou(box, target) : fitsOf(`${photo} ${step} ${i}`)[k]);
        if (fit >= found) hits.push(name);
        const lines = [masks ? `IoU ${fixed(fit)}` : "", own ? `cut at ${fixed(best)}` : ""].filter(Boolean).join(", ");
        panels[i].words.replaceChildren(name, h("br"), lines);
      });
      words.textContent = masks ? `Found (IoU ${short(found)} or more) in photo ${photo}: ${hits.join(", ") || "by no method"}.`
        : `Photo ${photo}, cut at ${own ? "each method’s own threshold" : fixed(threshold)}.`;
    };
    picture.redraw();
  }));
  return picture.close;
}

export default { render };
