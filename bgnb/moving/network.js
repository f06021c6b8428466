// A trained network in the page: `tiny.c` holds its layers, compiled to WebAssembly; where that does not run, the same layers
// as plain JavaScript.

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
