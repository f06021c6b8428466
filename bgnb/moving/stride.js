// From windows to pixels: the score of every window, at any stride, averaged or added over the pixels that it covers.

// Where windows begin along a side: every `stride` pixels, and the last one ends at the border.
function starts(length, patch, stride) {
  const found = [];
  for (let at = 0; at < length - patch; at += stride) found.push(at);
  return [...found, length - patch];
}

// Targetness of every pixel from the scores at stride 1: merge the windows of this stride, then stretch to 0 ... 1.
function targetness(every, width, height, patch, stride, way) {
  const rows = starts(height, patch, stride), columns = starts(width, patch, stride), along = width - patch + 1;
  const wide = new Float64Array(rows.length * width), map = new Float64Array(width * height);
  const covers = new Float64Array(width), downs = new Float64Array(height);
  for (const left of columns) for (let x = left; x < left + patch; x++) covers[x]++;
  for (const top of rows) for (let y = top; y < top + patch; y++) downs[y]++;
  rows.forEach((top, row) => {
    for (const left of columns) {
      const value = 1 - every[top * along + left];
      for (let x = left; x < left + patch; x++) wide[row * width + x] += value;
    }
  });
  rows.forEach((top, row) => {
    for (let y = top; y < top + patch; y++) for (let x = 0; x < width; x++) map[y * width + x] += wide[row * width + x];
  });
  if (way === "average") for (let i = 0; i < map.length; i++) map[i] /= covers[i % width] * downs[Math.floor(i / width)];
  const low = map.reduce((a, b) => Math.min(a, b)), high = map.reduce((a, b) => Math.max(a, b));
  const flat = high - low <= 1e-5 * Math.abs(high); // rounding alone shows nothing
  return map.map((value) => (flat ? 0 : (value - low) / (high - low)));
}

// IoU of (map >= threshold) with the mask, compared as float32, as Python does.
function iouAt(map, threshold, mask) {
  let both = 0, any = 0;
  for (let i = 0; i < map.length; i++) {
    const inside = Math.fround(map[i]) >= Math.fround(threshold), target = bit(mask, i);
    both += inside && target;
    any += inside || target;
  }
  return both / Math.max(1, any);
}

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show?.(state));
  const { given, data } = picture;
  const { width, height, patch } = given;
  const every = floats(data.scores), mask = data.mask && bytes(data.mask);
  const left = canvas(width, height, "photo with the outline"), right = canvas(width, height, "targetness");
  const words = said();
  let show;
  picture.root.append(
    controls(
      slider(picture, "stride", "stride of the windows (pixels)", [1, patch, 1], String),
      slider(picture, "threshold", "map threshold", [0.01, 0.99, 0.01]),
      choice(picture, "overlap", "windows over a pixel", [["average", "average"], ["add", "add"]]),
    ),
    words,
    h("div", { class: "row" }, panel("Photo", left), panel("Targetness", right)),
    legend([LOOK.outline, "targetness ≥ map threshold"], ...(mask ? [[LOOK.mask, "mask", "dashed"]] : []), magmaLegend()),
  );
  sheet(data.photos, given, (draw) => {
    const border = mask && contour((i) => bit(mask, i), width, height, left.width / width);
    show = ({ stride, threshold, overlap }) => {
      const map = targetness(every, width, height, patch, stride, overlap);
      const edge = contour((i) => Math.fround(map[i]) >= Math.fround(threshold), width, height, left.width / width);
      const pens = [left, right].map((one) => one.getContext("2d"));
      draw(pens[0], 0);
      paint(pens[1], width, height, (i) => MAGMA[Math.floor(100 * map[i])]);
      for (const pen of pens) {
        if (border) stroke(pen, border, LOOK.mask, 3, [12, 9]);
        stroke(pen, edge, LOOK.outline, 4);
      }
      const rows = starts(height, patch, stride).length, columns = starts(width, patch, stride).length;
      words.textContent = `${rows} × ${columns} = ${rows * columns} windows of ${patch} pixels.`
        + (mask ? ` IoU with the mask ${fixed(iouAt(map, threshold, mask))}.` : "");
    };
    picture.redraw();
  });
  return picture.close;
}

export default { render };
