// A map over a photo: move the map threshold, and see what it cuts out and how well that fits the mask.

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show?.(state));
  const { given, data } = picture;
  const { n, width, height, cell } = given;
  const columns = width / cell, rows = height / cell, size = columns * rows;
  const levels = bytes(data.levels), masks = data.masks && bytes(data.masks), packed = Math.ceil((width * height) / 8);
  const left = canvas(width, height, "photo with the map and its outline");
  const right = canvas(width, height, "what the threshold cuts out of the photo");
  const words = said();
  const over = chart(220, "IoU of this photo at every map threshold", (w) => curve(w));
  let show, fits = [], seen = -1, border;

  function look(photo) { // what does not depend on the threshold
    const mask = masks?.subarray(photo * packed, (photo + 1) * packed);
    fits = mask ? ious(levels.subarray(photo * size, (photo + 1) * size), cell, width, height, mask) : [];
    border = mask && contour((i) => bit(mask, i), width, height, left.width / width);
    seen = photo;
  }

  function curve(w) {
    if (seen < 0) return "";
    const ticks = { xticks: [0, 0.25, 0.5, 0.75, 1], yticks: [0, 0.5, 1] };
    const frame = axes(w, 220, { x: [0, 1], y: [0, 1], xlabel: "map threshold", ylabel: "IoU", ...ticks });
    const { X, Y, drawn, low, top } = frame;
    const at = picture.state.threshold, fit = fits[levelOf(at)];
    const level = Y(given.found);
    return `${drawn}<line class="mark" stroke-dasharray="2 4" x1="${X(0)}" x2="${X(1)}" y1="${level}" y2="${level}"/>
      <path class="mark" d="${line(fits.map((value, k) => [X(k / 100), Y(value)]))}"/>
      <text x="${X(1)}" y="${level - 6}" text-anchor="end">found from ${short(given.found)}</text>
      <line x1="${X(at)}" x2="${X(at)}" y1="${top}" y2="${low}" stroke="${LOOK.series[4]}" stroke-width="3"/>
      <circle cx="${X(at)}" cy="${Y(fit)}" r="6" fill="${LOOK.series[4]}"/>`;
  }

  picture.root.append(
    controls(
      ...(n > 1 ? [slider(picture, "photo", "photo", [0, n - 1, 1], (i) => `${i} (${n} photos)`)] : []),
      slider(picture, "threshold", "map threshold", [0.01, 0.99, 0.01]),
      slider(picture, "opacity", "map on the photo", [0, 1, 0.05], percent),
      tickBox(picture, "outline", "outline"),
    ),
    words,
    h("div", { class: "row" },
      panel("Photo and map", left), panel("Cut out", right),
      ...(masks ? [panel("This photo at every threshold", over)] : [])),
    legend([LOOK.outline, "targetness ≥ map threshold"], ...(masks ? [[LOOK.mask, "mask", "dashed"]] : []), magmaLegend()),
  );

  sheet(data.photos, given, (draw) => {
    show = ({ photo, threshold, opacity, outline }) => {
      if (photo !== seen) look(photo);
      const k = levelOf(threshold), map = levels.subarray(photo * size, (photo + 1) * size);
      const pen = left.getContext("2d"), other = right.getContext("2d");
      draw(pen, photo);
      const colours = magma(opacity);
      paint(pen, columns, rows, (i) => colours[map[i]]);
      if (border) stroke(pen, border, LOOK.mask, 3, [12, 9]);
      if (outline) stroke(pen, contour((i) => map[i] >= k, columns, rows, left.width / columns), LOOK.outline, 4);
      draw(other, photo);
      paint(other, columns, rows, (i) => (map[i] >= k ? 0 : PLAIN));
      const share = map.reduce((sum, level) => sum + (level >= k), 0) / size, fit = fits[k];
      const level = short(given.found);
      const verdict = fit >= given.found ? `found (${level} or more)` : `missed (less than ${level})`;
      words.textContent = `${percent(share)} of the photo is cut out.`
        + (masks ? ` IoU with the mask ${fixed(fit)}: ${verdict}.` : "");
      over.redraw();
    };
    picture.redraw();
  });
  return picture.close;
}

export default { render };
