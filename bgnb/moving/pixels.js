// Pixels and cells: a photo is scaled, a map is averaged and enlarged.

// Targetness from windows of `patch` cells that lie `stride` cells apart: the mean of 1 - backgroundness over the windows that
// cover a cell, stretched to 0 ... 1. A flat map shows nothing and becomes 0.
function targetness(scores, rows, columns, patch, stride) {
  const high = (rows - 1) * stride + patch, wide = (columns - 1) * stride + patch;
  const ends = (count, cell) => [
    Math.max(0, Math.ceil((cell - patch + 1) / stride)), Math.min(count - 1, Math.floor(cell / stride)),
  ];
  const map = new Float32Array(high * wide);
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const [top, bottom] = ends(rows, y), [left, right] = ends(columns, x);
      let sum = 0;
      for (let row = top; row <= bottom; row++) for (let c = left; c <= right; c++) sum += 1 - scores[row * columns + c];
      map[y * wide + x] = sum / ((bottom - top + 1) * (right - left + 1));
    }
  }
  const least = map.reduce((a, b) => Math.min(a, b)), most = map.reduce((a, b) => Math.max(a, b));
  const flat = most - least <= 1e-5 * Math.abs(most);
  return { map: map.map((value) => (flat ? 0 : (value - least) / (most - least))), rows: high, columns: wide };
}

// A photo's pixels at another size, to the byte as Pillow's LANCZOS has them: along the rows first, then along the columns.
function resized(rgba, width, height, wide, high) {
  const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const lanczos = (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0);
  // Along one side: for each new pixel, the first old one that it needs and the weights, as whole numbers of 2^-22.
  const taps = (length, wanted) => Array.from({ length: wanted }, (_, i) => {
    const scale = length / wanted, stretch = Math.max(1, scale), centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - 3 * stretch + 0.5));
    const last = Math.min(length, Math.trunc(centre + 3 * stretch + 0.5));
    const values = Array.from({ length: last - first }, (_, j) => lanczos((j + first - centre + 0.5) * (1 / stretch)));
    const sum = values.reduce((a, b) => a + b, 0);
    const whole = (value) => Math.round(Math.abs(value / sum) * 2 ** 22) * Math.sign(value / sum);
    return { first, weights: Int32Array.from(values, whole) };
  });
  // Resize `lines` lines of `from`; neighbours on a line lie `step` pixels apart, and lines `next`.
  function pass(from, lines, step, next, length, wanted, stepTo, nextTo) {
    const to = new Uint8ClampedArray(4 * lines * wanted).fill(255), all = taps(length, wanted);
    for (let line = 0; line < lines; line++) {
      all.forEach(({ first, weights }, i) => {
        let red = 2 ** 21, green = 2 ** 21, blue = 2 ** 21, at = 4 * (line * next + first * step);
        for (let j = 0; j < weights.length; j++, at += 4 * step) {
          const weight = weights[j];
          red += weight * from[at]; green += weight * from[at + 1]; blue += weight * from[at + 2];
        }
        const place = 4 * (line * nextTo + i * stepTo);
        to[place] = red >> 22; to[place + 1] = green >> 22; to[place + 2] = blue >> 22;
      });
    }
    return to;
  }
  const rows = pass(rgba, height, 1, width, width, wide, 1, wide);
  return pass(rows, wide, wide, 1, height, high, wide, 1);
}

// A photo's pixels with each colour brought to one mean and one spread, as bgnb.data.images.standardise does.
function standardised(rgba, { mean, spread, faint }) {
  const to = new Uint8ClampedArray(rgba), n = rgba.length / 4;
  for (let colour = 0; colour < 3; colour++) {
    let sum = 0, squares = 0;
    for (let i = colour; i < rgba.length; i += 4) { sum += rgba[i]; squares += rgba[i] ** 2; }
    const middle = sum / n, wide = Math.max(faint, Math.sqrt(Math.max(0, squares / n - middle ** 2)));
    for (let i = colour; i < rgba.length; i += 4) to[i] = ((rgba[i] - middle) / wide) * spread + mean;
  }
  return to;
}

// A map of cells, enlarged: between the middles of cells it goes straight.
function enlarged(map, columns, rows, width, height) {
  const along = (count, wanted) => Array.from({ length: wanted }, (_, i) => {
    const at = Math.min(count - 1, Math.max(0, ((i + 0.5) * count) / wanted - 0.5)), low = Math.min(Math.floor(at), count - 1);
    return [low, Math.min(low + 1, count - 1), at - low];
  });
  const across = along(columns, width), large = new Float32Array(width * height);
  along(rows, height).forEach(([top, bottom, down], y) => {
    across.forEach(([left, right, over], x) => {
      const upper = map[top * columns + left] * (1 - over) + map[top * columns + right] * over;
      const lower = map[bottom * columns + left] * (1 - over) + map[bottom * columns + right] * over;
      large[y * width + x] = upper * (1 - down) + lower * down;
    });
  });
  return large;
}

// The sides to which a photo is scaled: the short one about `size`, each such that windows `step` apart end at its border.
function sides(width, height, size, patch, step) {
  const scale = size / Math.min(width, height);
  return [width, height].map((length) => patch + step * Math.max(0, Math.round((length * scale - patch) / step)));
}
