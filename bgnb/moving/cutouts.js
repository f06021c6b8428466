// Cut-outs of many photos at one map threshold, and the histogram of targetness that it parts.

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show?.(state));
  const { given, data } = picture;
  const { n, shares, counts, otsu, sizes, width, height } = given; // shares: photo -> share of pixels at each of 101 levels
  const levels = bytes(data.levels);
  const boxes = sizes.map(([w, h], i) => canvas(w, h, `photo ${i}, cut out`, 256));
  const captions = boxes.map(() => h("figcaption"));
  const words = said();
  const total = counts.reduce((a, b) => a + b), highest = Math.max(...counts) / total;
  let show;

  const over = chart(210, "how often each targetness occurs in all photos, and the map threshold", (w) => {
    const at = picture.state.threshold, top = Math.ceil(highest * 100) / 100;
    const labels = { xlabel: "targetness of all pixels of all photos", ylabel: "share of pixels", left: 56 };
    const ticks = { xticks: [0, 0.25, 0.5, 0.75, 1], yticks: [0, top / 2, top] };
    const { X, Y, drawn, low, top: roof } = axes(w, 210, { x: [0, 1], y: [0, top], ...ticks, ...labels });
    const bar = (count, i) => `<rect x="${X(i / counts.length)}" y="${Y(count / total)}" width="${X(1 / counts.length) - X(0)}"
      height="${low - Y(count / total)}" fill="${i >= levelOf(at) ? LOOK.series[1] : "var(--m-soft)"}"/>`;
    const upright = (x, style) => `<line x1="${X(x)}" x2="${X(x)}" y1="${roof}" y2="${low}" ${style}/>`;
    return drawn + counts.map(bar).join("") + upright(otsu, 'class="mark" stroke-dasharray="6 5"')
      + upright(at, `stroke="${LOOK.series[4]}" stroke-width="4"`);
  });

  picture.root.append(
    style(`.own .many { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); gap: .7rem; }
      .own .many figure { margin: 0; } .own .many figcaption { font-weight: 400; font-size: .93em; }`),
    controls(
      slider(picture, "threshold", "map threshold", [0.01, 0.99, 0.01]),
      tickBox(picture, "whole", "show the whole photos"),
    ),
    words,
    wide("", over),
    h("ul", { class: "legend" }, h("li", {}, h("i", { class: "fill", "--colour": LOOK.series[1] }), "cut out"),
      h("li", {}, h("i", { class: "fill", "--colour": "var(--m-soft)" }), "left away"),
      h("li", {}, "thick line: the threshold"), h("li", {}, `dashed: Otsu’s, ${fixed(otsu)}`)),
    h("div", { class: "many" }, ...boxes.map((box, i) => h("figure", {}, captions[i], box))),
  );
  sheet(data.photos, given, (draw) => {
    show = ({ threshold, whole }) => {
      const k = levelOf(threshold);
      let first = 0;
      boxes.forEach((box, i) => {
        const [w, h] = sizes[i], from = first, pen = box.getContext("2d");
        const s = box.width / w;
        draw(pen, i, 0, 0, width * s, height * s); // a smaller photo lies in the corner of its place
        if (!whole) paint(pen, w, h, (j) => (levels[from + j] >= k ? 0 : PLAIN));
        captions[i].textContent = `${i}: ${percent(shares[i][k])} cut out`;
        first += w * h;
      });
      const mean = shares.reduce((sum, share) => sum + share[k], 0) / shares.length;
      words.textContent = `At ${fixed(threshold)}, ${percent(mean)} of a photo is cut out, `
        + `on average over ${shares.length} photos`
        + (shares.length > n ? `; the first ${n} are shown.` : ".");
      over.redraw();
    };
    picture.redraw();
  });
  return picture.close;
}

export default { render };
