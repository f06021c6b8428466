// Histograms of backgroundness by kind. The outline is the network of the lowest ratio, with log k added to every logit.

const BINS = 20;

const shift = (value, factor) => (factor * value) / (1 + (factor - 1) * value);

// The share of values in each of 20 bins from 0 to 1; the last one holds 1, too.
function histogram(values) {
  const counts = new Array(BINS).fill(0);
  for (const value of values) {
    let bin = Math.min(BINS - 1, Math.floor(value * BINS));
    if (value < bin * (1 / BINS)) bin--;
    else if (bin < BINS - 1 && value >= (bin + 1) * (1 / BINS)) bin++;
    counts[bin]++;
  }
  return counts.map((count) => count / values.length);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b), n = sorted.length;
  return (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2;
}

const bayes = (ratio, pi) => ratio / (ratio + 1 - pi);

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show(state));
  const { given, data } = picture;
  const { ratios, patches, pis, parts } = given; // parts: [patch, ratio, kind, first, past the last] each
  const scores = floats(data.scores), kinds = ["P", "F", "N"];
  const of = (patch, ratio, kind) => {
    const [, , , first, end] = parts.find(([p, r, k]) => p === patch && r === ratio && k === kind);
    return [...scores.subarray(first, end)];
  };
  const words = said();
  let now;
  const filled = parts.filter(([, , , first, end]) => end > first); // one height for all networks, so bars can be compared
  const highest = Math.max(...filled.flatMap(([, , , first, end]) => histogram([...scores.subarray(first, end)])));

  function show({ patch, ratio, moved }) {
    now = { level: bayes(moved, pis[patches.indexOf(patch)]), rows: {} };
    for (const kind of kinds) {
      const seen = of(patch, ratio, kind);
      const expected = of(patch, ratios[0], kind).map((value) => shift(value, moved / ratios[0]));
      const medians = { median: median(seen), expected: median(expected) };
      now.rows[kind] = { bars: histogram(seen), outline: histogram(expected), count: seen.length, ...medians };
    }
    now.high = Math.max(highest, ...kinds.flatMap((kind) => (now.rows[kind].count ? now.rows[kind].outline : [])));
    const row = ([kind, { median, expected }]) => `${kind} ${fixed(median)} (outline ${fixed(expected)})`;
    words.textContent = `Medians: ${Object.entries(now.rows).filter(([, { count }]) => count).map(row).join(", ")}. `
      + `The formula gives F and N ${fixed(now.level)} at ratio ${short(moved)}.`;
    for (const one of charts) one.redraw();
  }

  const charts = kinds.map((kind, i) => chart(i === 2 ? 168 : 150, `${LOOK.kinds[kind][1]}: backgroundness`, (width) => {
    const { bars, outline, median, count } = now.rows[kind], high = i === 2 ? 168 : 150, colour = LOOK.kinds[kind][0];
    const top = Math.ceil(now.high * 10) / 10, ticks = { xticks: [0, 0.25, 0.5, 0.75, 1], yticks: [0, top / 2, top] };
    const labels = { xlabel: i === 2 ? "backgroundness" : "", ylabel: "share", left: 52 };
    const frame = axes(width, high, { x: [0, 1], y: [0, top], ...ticks, ...labels });
    const { X, Y, low } = frame;
    if (!count) return frame.drawn + `<text x="${X(0.5)}" y="${Y(top / 2)}" text-anchor="middle">no patch of this kind</text>`;
    const box = (share, bin) => `<rect x="${X(bin / BINS)}" y="${Y(share)}" width="${X(1 / BINS) - X(0)}"
      height="${low - Y(share)}" fill="${colour}" fill-opacity=".5"/>`;
    const steps = outline.flatMap((share, bin) => [[X(bin / BINS), Y(share)], [X((bin + 1) / BINS), Y(share)]]);
    const upright = (at, style) => `<line x1="${X(at)}" x2="${X(at)}" y1="${Y(top)}" y2="${low}" ${style}/>`;
    return frame.drawn + bars.map(box).join("") + upright(median, `stroke="${colour}" stroke-width="5"`)
      + `<path class="mark" d="${line([[X(0), low], ...steps, [X(1), low]])}"/>`
      + (kind === "P" ? "" : upright(now.level, 'class="mark" stroke-dasharray="6 5"'));
  }));

  picture.root.append(
    controls(
      choice(picture, "ratio", "bars: the network that was trained at ratio", ratios.map((ratio) => [ratio, short(ratio)]),
        (ratio) => ({ moved: ratio })),
      ...(patches.length > 1 ? [choice(picture, "patch", "patch (pixels)", patches.map((p) => [p, p]))] : []),
      slider(picture, "moved", `outline: ratio ${short(ratios[0])}, moved to ratio`, given.range, (r) => short(r)),
    ),
    words,
    ...kinds.map((kind, i) => wide(LOOK.kinds[kind][1], charts[i])),
    h("ul", { class: "legend" }, h("li", {}, "bars: measured"), h("li", {}, "thick line: their median"),
      h("li", {}, "outline: predicted"), h("li", {}, "dashed: r / (r + 1 − π)")),
  );
  picture.redraw();
  return picture.close;
}

export default { render };
