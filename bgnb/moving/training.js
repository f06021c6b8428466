// The training of a network in the page: in a worker, or in slices on the page where there is none. See micro.js.

// Nothing outside of it is used, so that a worker can be made of its text. `tell` gets reports; what is returned hears wishes.
function training({ learner, targetness, ious, tell }) {
  let net, given, wish = { factor: 1 }, updates = 0, loss = null, timer = 0, counted = {}, last = Promise.resolve();

  // Backgroundness with log(factor) added to its logit.
  const moved = (scores) => scores.map((b) => (wish.factor * b) / (1 + (wish.factor - 1) * b));
  // The map of a photo: how many of the map thresholds 0.01 ... 1 each cell reaches, in its own precision.
  function levels(photo) {
    const { scores, rows, columns } = net.map(photo, !wish.raw);
    const { map } = targetness(moved(scores), rows, columns, given.patch / given.cell, given.step / given.cell);
    return Uint8Array.from(map, (value) => {
      const level = Math.floor(100 * value);
      return level + (Math.fround((level + 1) / 100) <= value) - (Math.fround(level / 100) > value);
    });
  }
  // In how many photos the target is found, at the best map threshold, as bgnb.loc_acc counts.
  function count() {
    const state = [updates, wish.raw, wish.seed, wish.factor].join();
    if (counted.state === state || !given.bits.length) return counted;
    const curves = given.bits.map((mask, i) => ious(levels(i), given.cell, given.size, given.size, mask));
    const found = given.cuts.map((k) => curves.filter((curve) => curve[k] >= given.iou).length);
    const best = Math.max(...found);
    counted = { state, found: best, threshold: given.cuts[found.indexOf(best)] / 100 };
    return counted;
  }
  const report = (more = {}) => tell({
    updates, loss, scores: moved(net.scores(given.watched, !wish.raw)), levels: wish.photo >= 0 ? levels(wish.photo) : [],
    ratio: wish.ratio, k: wish.k, truth: wish.truth, ...more,
  });
  function update() {
    ({ loss } = net.update(wish));
    updates++;
  }
  function turn() {
    const end = performance.now() + wish.slice, hurried = wish.pace === Infinity;
    do update(); while (hurried && performance.now() < end);
    timer = setTimeout(turn, hurried ? wish.rest : 1000 / wish.pace);
    report();
  }
  async function hear({ begin, step, ...more }) {
    const { seed } = more;
    if (begin) { given = begin; net = await learner(begin); }
    wish = { ...wish, ...more };
    if (seed !== undefined) { net.start(seed); updates = 0; loss = null; }
    if (step) update();
    if (!wish.running) { clearTimeout(timer); timer = 0; report(count()); } else if (!timer) timer = setTimeout(turn);
  }
  return (wish) => { last = last.then(() => hear(wish)).catch((error) => tell({ error: error.message })); };
}

// Where a training runs: { hear, end, pauses }. A worker may be forbidden without a word, so it has to say that it
// is there.
async function workplace(tell) {
  const parts = { learner, targetness, ious };
  const texts = Object.entries({ ...parts, bit, training }).map(([name, part]) => `const ${name} = ${part};`);
  texts.push(`const hear = training({ ${Object.keys(parts)}, tell: (report) => postMessage(report) });`);
  texts.push("onmessage = ({ data }) => hear(data); postMessage({});");
  try {
    const worker = new Worker(URL.createObjectURL(new Blob([texts.join("\n")], { type: "text/javascript" })));
    await new Promise((there, gone) => {
      Object.assign(worker, { onmessage: there, onerror: gone });
      setTimeout(gone, 3000);
    });
    worker.onmessage = ({ data }) => tell(data);
    const pauses = { slice: 25, rest: 0 };
    return { hear: (wish) => worker.postMessage(wish), end: () => worker.terminate(), pauses };
  } catch {
    const hear = training({ ...parts, tell });
    return { hear, end: () => hear({ running: false }), pauses: { slice: 8, rest: 8 } };
  }
}

// The photos of a sheet as the network sees them: red, green and blue of each pixel, one photo after the other.
function pixelsOf(image, { n, size, across }) {
  const whole = h("canvas", { width: image.width, height: image.height }), pixels = new Uint8Array(3 * n * size ** 2);
  const pen = whole.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  let at = 0;
  for (let i = 0; i < n; i++) {
    const { data } = pen.getImageData((i % across) * size, Math.floor(i / across) * size, size, size);
    for (let j = 0; j < data.length; j += 4, at += 3) pixels.set(data.subarray(j, j + 3), at);
  }
  return pixels;
}

// What a training begins with, and the sheet of its photos.
async function prepared(given, data) {
  const { targets, size, pi } = given, area = size ** 2, each = Math.ceil(area / 8), photos = new Blob([bytes(data.photos)]);
  const image = await createImageBitmap(photos), all = await unpacked(data.masks), known = pi !== null ? targets : 0;
  const bits = Array.from({ length: known }, (_, i) => all.slice(i * each, (i + 1) * each));
  const masks = Uint8Array.from({ length: known * area }, (_, i) => bit(bits[Math.floor(i / area)], i % area));
  const numbers = { pixels: pixelsOf(image, given), masks, bits, watched: integers(data.watched) };
  return { image, begin: { ...given, ...numbers, binary: bytes(data.binary).slice() } };
}
