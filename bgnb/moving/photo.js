// Your own photo: a trained network lies in the page, maps the photo here, and nothing leaves this machine. `tiny.c` holds its
// layers, compiled to WebAssembly; where that does not run, the same layers as plain JavaScript.

const MOST = 4e6; // pixels of a photo that are kept; a larger one is scaled down first
const LONGEST = 8; // times as long as wide, at most

// Weights come as 16-bit floats.
function half(code) {
  const exponent = (code >> 10) & 31, part = code & 1023;
  return (code >> 15 ? -1 : 1) * (exponent ? (1 + part / 1024) * 2 ** (exponent - 15) : part * 2 ** -24);
}
const halves = (view) => Float32Array.from(new Uint16Array(copied(view)), half);

// Two engines with the same layers. All their numbers lie in `all`; a layer is told where. See tiny.c.
function plain(count) {
  const all = new Float32Array(count);
  function conv(from, h, w, ins, weights, bias, k, outs, to) {
    const across = w - k + 1, run = k * ins;
    for (let y = 0; y + k <= h; y++) {
      for (let o = 0; o < outs; o += 8) {
        for (let x = 0; x < across; x++) {
          let weight = weights + k * run * o;
          let a = all[bias + o], b = all[bias + o + 1], c = all[bias + o + 2], d = all[bias + o + 3];
          let e = all[bias + o + 4], f = all[bias + o + 5], g = all[bias + o + 6], i = all[bias + o + 7];
          for (let row = 0; row < k; row++) {
            const first = from + ((y + row) * w + x) * ins;
            for (let at = first; at < first + run; at++, weight += 8) {
              const value = all[at];
              if (value === 0) continue; // after a ReLU, many are
              a += value * all[weight]; b += value * all[weight + 1];
              c += value * all[weight + 2]; d += value * all[weight + 3];
              e += value * all[weight + 4]; f += value * all[weight + 5];
              g += value * all[weight + 6]; i += value * all[weight + 7];
            }
          }
          const place = to + (y * across + x) * outs + o, relu = (sum) => (sum > 0 ? sum : 0);
          all[place] = relu(a); all[place + 1] = relu(b); all[place + 2] = relu(c); all[place + 3] = relu(d);
          all[place + 4] = relu(e); all[place + 5] = relu(f); all[place + 6] = relu(g); all[place + 7] = relu(i);
        }
      }
    }
  }
  function pool(from, h, w, n, to) {
    for (let y = 0; y + 2 <= h; y += 2) {
      for (let x = 0; x + 2 <= w; x += 2) {
        for (let i = 0; i < n; i++) {
          const p = from + (y * w + x) * n + i, q = p + w * n;
          all[to++] = Math.max(all[p], all[p + n], all[q], all[q + n]);
        }
      }
    }
  }
  return { name: "plain JavaScript", all, conv, pool };
}

async function engine(binary, count) {
  try {
    const { instance } = await WebAssembly.instantiate(bytes(binary));
    const { memory, conv, pool, __heap_base } = instance.exports, base = (__heap_base.value + 15) & ~15;
    memory.grow(Math.max(0, Math.ceil((base + 4 * count - memory.buffer.byteLength) / 65536)));
    const at = (place) => base + 4 * place;
    return {
      name: "WebAssembly",
      all: new Float32Array(memory.buffer, base, count),
      conv: (from, h, w, ins, weights, bias, k, outs, to) => conv(at(from), h, w, ins, at(weights), at(bias), k, outs, at(to)),
      pool: (from, h, w, n, to) => pool(at(from), h, w, n, at(to)),
    };
  } catch { // no WebAssembly, none with SIMD, or a page that forbids it
    return plain(count);
  }
}

// Backgroundness of every window of a photo (`rgba`: 4 bytes a pixel). `network`: weights, layers ([ins, outs, kernel, pooled]
// each, weights and then biases one after the other, the head at the end), scale and shift of the colours, side of the head's
// map that a window averages.
async function backgroundness({ weights, layers, scale, shift, side }, rgba, width, height, start) {
  let most = 3, share = 1; // numbers that a pixel of the photo needs
  for (const [, outs, , pooled] of layers) { most = Math.max(most, outs * share); share /= pooled ? 4 : 1; }
  const room = Math.ceil(width * height * most);
  const { all, conv, pool, name } = await start(weights.length + 2 * room);
  all.set(weights);
  let [from, to] = [weights.length, weights.length + room], h = height, w = width, at = 0;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) all[from + 3 * i + c] = rgba[4 * i + c] * scale[c] + shift[c];
  }
  const turn = () => { [from, to] = [to, from]; };
  for (const [ins, outs, k, pooled] of layers) {
    const bias = at + k * k * ins * outs;
    conv(from, h, w, ins, at, bias, k, outs, to);
    h -= k - 1; w -= k - 1; at = bias + outs;
    turn();
    if (!pooled) continue;
    pool(from, h, w, outs, to);
    h >>= 1; w >>= 1;
    turn();
  }
  const n = layers.at(-1)[1], rows = h - side + 1, columns = w - side + 1, scores = new Float32Array(rows * columns);
  const logits = Array.from({ length: h * w }, (_, i) => {
    let sum = all[at + n];
    for (let c = 0; c < n; c++) sum += all[from + i * n + c] * all[at + c];
    return sum;
  });
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      let sum = 0;
      for (let i = 0; i < side * side; i++) sum += logits[(y + Math.floor(i / side)) * w + x + (i % side)];
      scores[y * columns + x] = 1 / (1 + Math.exp(-sum / side ** 2));
    }
  }
  return { scores, rows, columns, name };
}

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

const FINE = 2; // values along a pixel of the scaled photo, so that outlines are smooth

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show?.(state));
  const { given, data } = picture;
  const { size, patch, step, cell } = given, network = { ...given, weights: halves(data.weights) };
  const left = canvas(given.width, given.height, "photo with the map and its outline");
  const right = canvas(given.width, given.height, "what the threshold cuts out of the photo");
  const words = said(), photo = document.createElement("canvas");
  let show, found, columns, rows, large, told = "", own = false, asked = 0;

  // Take in a picture, anything that a canvas can draw: keep its pixels, and map them.
  async function take(image, mine) {
    const turn = ++asked; // a photo that comes in the meantime goes first
    const shrink = Math.min(1, Math.sqrt(MOST / (image.width * image.height)));
    const [width, height] = [image.width, image.height].map((length) => Math.max(1, Math.round(length * shrink)));
    if (Math.max(width, height) > LONGEST * Math.min(width, height)) throw Error("This picture is too long a strip.");
    Object.assign(photo, { width, height });
    const pen = photo.getContext("2d", { willReadFrequently: true });
    pen.imageSmoothingQuality = "high";
    pen.fillStyle = "#fff"; // where the picture is transparent
    pen.fillRect(0, 0, width, height);
    pen.drawImage(image, 0, 0, width, height);
    const [wide, high] = sides(width, height, size, patch, step);
    const pixels = resized(pen.getImageData(0, 0, width, height).data, width, height, wide, high);
    const begin = performance.now();
    const { name, ...seen } = await backgroundness(network, pixels, wide, high, (n) => engine(data.binary, n));
    const took = performance.now() - begin;
    if (turn !== asked) return;
    found = targetness(seen.scores, seen.rows, seen.columns, patch / cell, step / cell);
    const scale = Math.max(1, Math.round(512 / wide));
    for (const one of [left, right]) Object.assign(one, { width: wide * scale, height: high * scale });
    [columns, rows] = [FINE * wide, FINE * high];
    large = enlarged(found.map, found.columns, found.rows, columns, rows);
    told = `${seen.scores.length} windows in ${took.toFixed(0)} ms (${name}), on ${wide} × ${high} pixels.`;
    own = mine;
    save.hidden = false;
    picture.redraw();
  }

  async function read(file) {
    if (!file) return;
    words.textContent = "One moment …";
    try {
      await take(await createImageBitmap(file), true);
    } catch (error) {
      const known = error instanceof DOMException ? `${file.name}: not a picture that this browser can read.` : error.message;
      words.textContent = known;
    }
  }

  // The photo in its own size, transparent where targetness is below the threshold.
  function cutOut() {
    const { width, height } = photo, whole = h("canvas", { width, height }), pen = whole.getContext("2d");
    const pixels = photo.getContext("2d").getImageData(0, 0, width, height), k = picture.state.threshold;
    enlarged(found.map, found.columns, found.rows, width, height).forEach((value, i) => {
      if (value < k) pixels.data[4 * i + 3] = 0;
    });
    pen.putImageData(pixels, 0, 0);
    whole.toBlob((blob) => {
      const href = URL.createObjectURL(blob);
      h("a", { href, download: "cutout.png" }).click();
      setTimeout(() => URL.revokeObjectURL(href), 60_000);
    });
  }

  const input = h("input", { type: "file", accept: "image/*", change: () => { read(input.files[0]); input.value = ""; } });
  const save = h("button", { type: "button", hidden: true, click: cutOut }, "Save the cut-out (PNG)");
  const drop = h("div", {
    class: "options drop",
    dragover: (event) => { event.preventDefault(); drop.classList.add("over"); },
    dragleave: () => drop.classList.remove("over"),
    drop: (event) => {
      event.preventDefault();
      event.stopPropagation();
      drop.classList.remove("over");
      read(event.dataTransfer.files[0]);
    },
  }, h("label", {}, input, "Choose a photo"), h("span", {}, "or drop one here. It stays on this machine."));
  picture.root.append(
    style(`
      .own .drop { align-items: center; gap: .5rem .8rem; padding: .8rem; }
      .own .drop { border: 2px dashed var(--m-soft); border-radius: .6rem; }
      .own .drop.over { border-color: var(--m-accent); background: var(--m-shade); }
      .own .drop input { width: 100%; font-size: 0; } .own .note { margin: 0; }`),
    h("p", { class: "note" }, given.note),
    drop,
    controls(
      slider(picture, "threshold", "map threshold", [0.01, 0.99, 0.01]),
      slider(picture, "opacity", "map on the photo", [0, 1, 0.05], percent),
      tickBox(picture, "outline", "outline"),
      save,
    ),
    words,
    h("div", { class: "row" }, panel("Photo and map", left), panel("Cut out", right)),
    legend([LOOK.outline, "targetness ≥ map threshold"], magmaLegend()),
  );

  show = ({ threshold, opacity, outline }) => {
    if (!large) return;
    const pen = left.getContext("2d"), other = right.getContext("2d");
    const colours = magma(opacity);
    for (const one of [pen, other]) one.drawImage(photo, 0, 0, left.width, left.height);
    paint(pen, columns, rows, (i) => colours[Math.floor(100 * large[i])]);
    if (outline) stroke(pen, contour((i) => large[i] >= threshold, columns, rows, left.width / columns), LOOK.outline, 4);
    paint(other, columns, rows, (i) => (large[i] >= threshold ? 0 : PLAIN));
    const share = large.reduce((sum, value) => sum + (value >= threshold), 0) / large.length;
    words.textContent = `${own ? "Your photo" : "A photo to begin with"}: ${percent(share)} of it is cut out. ${told}`;
  };
  createImageBitmap(new Blob([bytes(data.photo)], { type: "image/webp" })).then((image) => take(image, false));
  return picture.close;
}

export default { render };
