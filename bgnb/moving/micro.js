// `micro` learns in the page, on the CPU, as bgnb.fit teaches it in Python. The layers, their gradients and the update are in
// micro.c; what needs a logarithm, or only a few numbers, is here.

// Nothing outside of it is used, so that a worker can be made of its text. `pixels`: red, green and blue of square photos of
// `size` pixels, those with targets first; `masks`: a 1 for every pixel of the target, or nothing. A crop is three numbers:
// photo, top, left. A label is 1 for background, 0 for target. All weights lie as `flat` in photo.py has them.
async function learner({
  binary, pixels, targets, backgrounds, size, patch, batch, masks, scale, shift, momentum, decay, keep = 0.97,
}) {
  const LAYERS = [[3, 8, 0, 1], [8, 16, 2, 3], [16, 32, 3, 4]], CHANNELS = [3, 8, 8, 16, 32], HEAD = 32, COUNT = 6065;
  let code;
  try {
    code = (await WebAssembly.instantiate(binary)).instance.exports;
  } catch {
    throw Error("This browser has no WebAssembly with SIMD, or the page forbids it, so nothing can be trained here.");
  }
  // A photo or patch goes through five places: as it comes, after a layer, pooled, after a layer, after a layer. Where in
  // memory these lie on the way there and, for gradients, on the way back; and weights and biases of the layers.
  let end = (code.__heap_base.value + 15) & ~15, head = 0, state = 0;
  const room = (count) => { end += 4 * count; return end - 4 * count; };
  const sides = (side) => { const half = (side - 2) >> 1; return [side, side - 2, half, half - 2, half - 4]; };
  const rooms = (side) => sides(side).map((length, place) => room(length ** 2 * CHANNELS[place]));
  const [now, average, slopes, speeds] = Array.from({ length: 4 }, () => room(COUNT));
  const layers = LAYERS.map(([ins, outs, from, to]) => {
    const at = head, bias = at + 9 * ins * outs;
    head = bias + outs;
    return { ins, outs, from, to, at, weights: 4 * at, bias: 4 * bias, turned: room(9 * ins * outs) };
  });
  const there = rooms(size), back = rooms(patch);
  code.memory.grow(Math.max(0, Math.ceil((end - code.memory.buffer.byteLength) / 65536)));
  const view = (at, count) => new Float32Array(code.memory.buffer, at, count);
  const [weights, mean, slope, speed] = [now, average, slopes, speeds].map((at) => view(at, COUNT));
  const input = view(there[0], 3 * size ** 2), wide = sides(size)[4], few = sides(patch)[4] ** 2;
  const output = view(there[4], HEAD * wide ** 2), outcome = view(back[4], HEAD * few);
  const features = new Float64Array(HEAD), sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

  // A square of a photo through the layers, with the weights at `base`. The result lies in `output`.
  function forward(base, photo, top, left, side) {
    for (let y = 0, to = 0; y < side; y++) {
      for (let x = 0, from = 3 * ((photo * size + top + y) * size + left); x < side; x++, from += 3, to += 3) {
        for (let c = 0; c < 3; c++) input[to + c] = pixels[from + c] * scale[c] + shift[c];
      }
    }
    const lengths = sides(side);
    for (const { ins, outs, from, to, weights, bias } of layers) {
      code.forward(there[from], lengths[from], lengths[from], ins, base + weights, base + bias, outs, there[to]);
      if (!from) code.pool(there[1], lengths[1], lengths[1], outs, there[2]);
    }
  }
  // The logit of a crop; `features` are what the head sees, on average.
  function logitOf(base, crops, i) {
    forward(base, crops[3 * i], crops[3 * i + 1], crops[3 * i + 2], patch);
    const own = base === now ? weights : mean;
    features.fill(0);
    for (let place = 0, at = 0; place < few; place++) for (let c = 0; c < HEAD; c++) features[c] += output[at++];
    let logit = own[head + HEAD];
    for (let c = 0; c < HEAD; c++) { features[c] /= few; logit += features[c] * own[head + c]; }
    return logit;
  }
  // Add the gradients of the crop that went forward last; `rise`: of the loss with its logit.
  function backward(rise) {
    const lengths = sides(patch);
    slope[head + HEAD] += rise;
    for (let c = 0; c < HEAD; c++) slope[head + c] += rise * features[c];
    for (let place = 0, at = 0; place < few; place++) {
      for (let c = 0; c < HEAD; c++, at++) outcome[at] = output[at] > 0 ? (rise * weights[head + c]) / few : 0;
    }
    for (const { ins, outs, from, to, weights, bias, turned } of [...layers].reverse()) {
      const length = lengths[from];
      if (!from) code.unpool(there[1], lengths[1], lengths[1], outs, there[2], back[2], back[1]);
      code.weigh(there[from], length, length, ins, back[to], outs, slopes + weights, slopes + bias);
      if (from) code.back(there[from], length, length, ins, turned, back[to], outs, back[from]);
    }
  }
  // One update on these crops by binary cross-entropy and torch.optim.SGD. Returns the mean loss before it. Each background
  // patch counts `weight` times; `ratio` keeps the mean weight at 1.
  function step(crops, labels, lr, weight = 1, ratio = 1) {
    const even = (1 + ratio) / (1 + ratio * weight) / labels.length;
    let loss = 0;
    for (const { ins, outs, weights, turned } of layers.slice(1)) code.turn(now + weights, ins, outs, turned);
    labels.forEach((label, i) => {
      const logit = logitOf(now, crops, i);
      const counts = even * (label ? weight : 1);
      loss += counts * (Math.max(logit, 0) - logit * label + Math.log1p(Math.exp(-Math.abs(logit))));
      backward(counts * (sigmoid(logit) - label));
    });
    code.descend(now, slopes, speeds, average, COUNT, lr, momentum, decay, keep);
    return loss;
  }

  // A number from 0 to 1 (mulberry32).
  function random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const below = (count) => Math.floor(random() * count);
  function load(values) {
    for (const all of [weights, mean]) all.set(values);
    for (const all of [speed, slope]) all.fill(0);
  }
  // Begin anew, as He et al. propose: normal weights of variance 2 / inputs, biases of 0.
  function start(seed) {
    state = seed | 0;
    weights.fill(0);
    const fill = (at, count, inputs) => { for (let i = 0; i < count; i++) weights[at + i] = Math.sqrt(2 / inputs) * normal(); };
    for (const { ins, outs, at } of layers) fill(at, 9 * ins * outs, 9 * ins);
    fill(head, HEAD, HEAD);
    load(weights);
  }
  // A letter for each crop, as bgnb.kinds has them; T for P or F, without masks.
  function kinds(crops) {
    const letter = (i) => {
      const [photo, top, left] = crops.subarray(3 * i, 3 * i + 3), at = (photo * size + top) * size + left;
      if (photo >= targets || !masks.length) return photo >= targets ? "N" : "T";
      let inside = 0;
      for (let y = 0; y < patch; y++) for (let x = 0; x < patch; x++) inside += masks[at + y * size + x];
      return Math.fround(inside / patch ** 2) >= Math.fround(0.1) ? "P" : "F";
    };
    return Array.from({ length: crops.length / 3 }, (_, i) => letter(i)).join("");
  }
  // A batch, targets first. With `truth`, patches of target photos that show no target are told to be background.
  function draw(ratio, truth = false) {
    const others = Math.min(batch - 1, Math.max(1, Math.round((batch * ratio) / (1 + ratio)))), free = size - patch + 1;
    const crops = new Int32Array(3 * batch);
    for (let i = 0; i < batch; i++) {
      crops.set([i < batch - others ? below(targets) : targets + below(backgrounds), below(free), below(free)], 3 * i);
    }
    const letters = kinds(crops), ones = truth ? "FN" : "N";
    return { crops, labels: Float32Array.from(letters, (kind) => Number(ones.includes(kind))), kinds: letters };
  }
  function update({ ratio, lr, truth = false, weight = 1 }) {
    const { crops, labels } = draw(ratio, truth);
    return { loss: step(crops, labels, lr, weight, ratio) };
  }

  // Backgroundness of crops; `smooth`: with the running mean of the weights.
  const scores = (crops, smooth = false) =>
    Float32Array.from({ length: crops.length / 3 }, (_, i) => sigmoid(logitOf(smooth ? average : now, crops, i)));
  // Backgroundness of all windows of a photo, two pixels apart: one pass, then the mean of the places that a window sees.
  function map(photo, smooth = false) {
    forward(smooth ? average : now, photo, 0, 0, size);
    const own = smooth ? mean : weights, side = Math.sqrt(few), rows = wide - side + 1, found = new Float32Array(rows ** 2);
    const logits = Float64Array.from({ length: wide ** 2 }, (_, i) => {
      let sum = own[head + HEAD];
      for (let c = 0; c < HEAD; c++) sum += output[HEAD * i + c] * own[head + c];
      return sum;
    });
    for (let i = 0; i < rows ** 2; i++) {
      let sum = 0, at = Math.floor(i / rows) * wide + (i % rows);
      for (let y = 0; y < side; y++, at += wide) for (let x = 0; x < side; x++) sum += logits[at + x];
      found[i] = sigmoid(sum / few);
    }
    return { scores: found, rows, columns: rows };
  }
  start(0);
  return { weights, mean, start, load, draw, kinds, step, update, scores, map };
}
