// What all pictures that move share. LOOK, the colours and words of bgnb.plots, stands above this line.

const CSS = `
.bgnb { --soft0: #586070; --ink0: #1f2530; --line0: #dddcd7; --shade0: #f5f4f0; --accent0: #00629b; --paper0: #fff; }
@media (prefers-color-scheme: dark) {
  .bgnb { --soft0: #a0a8b5; --ink0: #e2e5ea; --line0: #323844; --shade0: #1d222b; --accent0: #74bdec;
  --paper0: #14171d; }
}
.bgnb {
  --m-ink: var(--jp-ui-font-color1, var(--ink, var(--ink0)));
  --m-soft: var(--jp-ui-font-color2, var(--soft, var(--soft0)));
  --m-line: var(--jp-border-color2, var(--line, var(--line0)));
  --m-shade: var(--jp-layout-color2, var(--shade, var(--shade0)));
  --m-accent: var(--jp-brand-color1, var(--accent, var(--accent0)));
  --m-paper: var(--jp-layout-color1, var(--paper, var(--paper0)));
  color: var(--m-ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  display: grid; gap: .9rem; max-width: 60rem; margin: 0 auto; padding: .3rem; font-variant-numeric: tabular-nums;
  container-type: inline-size;
}
.bgnb * { box-sizing: border-box; }
.bgnb .controls { display: flex; flex-wrap: wrap; gap: .7rem 1.6rem; align-items: end; }
.bgnb .slide { flex: 1 1 15rem; max-width: 26rem; display: grid; grid-template-columns: 1fr auto; gap: .1rem .8rem; }
.bgnb .slide input { grid-column: 1 / 3; width: 100%; height: 1.9rem; margin: 0; accent-color: var(--m-accent);
    cursor: pointer; touch-action: pan-y; }
.bgnb output { font-weight: 650; }
.bgnb fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
.bgnb legend { padding: 0; margin: 0 0 .25rem; }
.bgnb .options { display: flex; flex-wrap: wrap; gap: .35rem; }
.bgnb .options label, .bgnb button { position: relative; padding: .3rem .75rem; min-height: 2.1rem;
    border: 1px solid var(--m-soft); border-radius: .45rem; background: transparent; color: inherit; font: inherit;
    cursor: pointer; }
.bgnb .options input { position: absolute; inset: 0; opacity: 0; margin: 0; cursor: pointer; }
.bgnb .options label:has(:checked) { background: var(--m-accent); border-color: var(--m-accent);
    color: var(--m-paper); font-weight: 650; }
.bgnb .options label:has(:checked)::before { content: "✓ "; content: "✓ " / ""; }
.bgnb :focus-visible, .bgnb .options label:has(:focus-visible) { outline: 3px solid var(--m-accent);
    outline-offset: 3px; border-radius: .3rem; }
.bgnb .slide :focus-visible { outline-offset: 0; }
.bgnb .tick { display: flex; gap: .5rem; align-items: center; min-height: 2.1rem; cursor: pointer; }
.bgnb .tick input { width: 1.2rem; height: 1.2rem; accent-color: var(--m-accent); margin: 0; }
.bgnb .row { display: flex; flex-wrap: wrap; gap: 1rem 1.4rem; align-items: end; }
.bgnb .row:has(svg) { align-items: start; }
.bgnb .panel { flex: 1 1 9.5rem; min-width: 0; max-width: 24rem; margin: 0; }
.bgnb .panel:has(svg) { flex-basis: 17rem; }
.bgnb .wide { flex: 1 1 100%; max-width: none; margin: 0; min-width: 0; }
.bgnb figcaption { margin: 0 0 .3rem; color: var(--m-ink); font-size: 1em; font-weight: 600; }
.bgnb canvas { display: block; width: 100%; height: auto; border-radius: .3rem; }
.bgnb svg { display: block; width: 100%; overflow: visible; }
.bgnb svg text { fill: var(--m-ink); font-size: 13px; paint-order: stroke; stroke: var(--m-paper); stroke-width: 3px;
    stroke-linejoin: round; }
.bgnb svg .soft { fill: var(--m-soft); }
.bgnb svg .axis { stroke: var(--m-soft); stroke-width: 1; fill: none; }
.bgnb svg .grid { stroke: var(--m-line); stroke-width: 1; }
.bgnb svg .mark { stroke: var(--m-ink); stroke-width: 2; fill: none; }
.bgnb .said { margin: 0; padding: .5rem .9rem; background: var(--m-shade); border-left: 3px solid var(--m-accent);
    border-radius: 0 .4rem .4rem 0; min-height: 2.4rem; }
.bgnb .legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 0; padding: 0; list-style: none;
    font-size: .93em; }
.bgnb .legend li { display: flex; gap: .45rem; align-items: center; margin: 0; }
.bgnb .legend i { flex: none; width: 1.7rem; height: .95rem; background: #555; border-radius: .2rem; display: grid;
    place-items: center; }
.bgnb .legend i::before { content: ""; width: 1.3rem; border-top: 3px var(--dash, solid) var(--colour); }
.bgnb .legend i.fill { background: var(--colour); } .bgnb .legend i.fill::before { content: none; }
.bgnb .legend b { flex: none; min-width: 1.2rem; padding: 0 .25rem; color: var(--letter); background: var(--colour);
    text-align: center; border-radius: .2rem; }
.bgnb.talk { font-size: 20px; }
.bgnb.talk svg text { font-size: 16px; }
@media print { .bgnb .controls { display: none; } }
`;

// An element: its attributes, listeners (functions) and children (elements or text).
function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (key.startsWith("--")) made.style.setProperty(key, value);
    else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
// Numbers as Python writes them: halves go to the even neighbour.
const even = (value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));
const percent = (share) => `${even(100 * share)} %`;
const fixed = (value) => (value % 0.25 && value % 0.125 === 0 ? even(100 * value) / 100 : value).toFixed(2).replace("-", "−");
const short = (value) => String(+value.toPrecision(6)).replace("-", "−");

// A picture's root and its state. `draw(state)` runs whenever the state changes, here or in Python. JupyterLab must not take
// the arrow keys, so no key leaves the root.
function open({ model, el }, draw) {
  const root = h("div", { class: "bgnb", keydown: (event) => event.stopPropagation() }, h("style", {}, CSS));
  root.classList.toggle("talk", Boolean(model.get("given").talk));
  el.replaceChildren(root);
  const shows = [];
  const redraw = () => {
    const state = model.get("state");
    for (const show of shows) show(state);
    draw(state);
  };
  model.on("change:state", redraw);
  const picture = {
    root,
    redraw,
    shows,
    given: model.get("given"),
    data: model.get("data"),
    get state() { return model.get("state"); },
    put(change) { model.set("state", { ...model.get("state"), ...change }); },
    save() { model.save_changes(); },
    close() { model.off("change:state", redraw); },
  };
  return picture;
}

// A slider with its name and its value in words. A drag moves the picture at once; Python hears of it at its end. `also`: what
// else changes when it moves.
function slider(picture, name, label, [min, max, step], words = fixed, also = {}) {
  const value = h("output");
  const input = h("input", {
    type: "range", min, max, step, "aria-label": label,
    input: () => picture.put({ [name]: +input.value, ...also }),
    change: () => picture.save(),
  });
  picture.shows.push((state) => {
    if (+input.value !== state[name]) input.value = state[name];
    value.textContent = words(state[name]);
    input.setAttribute("aria-valuetext", value.textContent);
  });
  return h("label", { class: "slide" }, h("span", {}, label), value, input);
}

// One of a few: radio buttons that look like buttons; arrow keys move between them. `options`: [value, words] each.
// `also(value)`: what else changes with it.
function choice(picture, name, label, options, also = () => ({})) {
  const group = `bgnb-${Math.random()}`; // unlike that of any other picture in the page
  const inputs = options.map(([value, words]) => {
    const take = () => { picture.put({ [name]: value, ...also(value) }); picture.save(); };
    const input = h("input", { type: "radio", name: group, value: String(value), change: take });
    picture.shows.push((state) => { input.checked = state[name] === value; });
    return h("label", {}, input, String(words));
  });
  return h("fieldset", {}, h("legend", {}, label), h("div", { class: "options" }, ...inputs));
}

function tickBox(picture, name, label) {
  const take = () => { picture.put({ [name]: input.checked }); picture.save(); };
  const input = h("input", { type: "checkbox", change: take });
  picture.shows.push((state) => { input.checked = state[name]; });
  return h("label", { class: "tick" }, input, label);
}

// A kind's own style. It begins with .own, which outweighs the style of all kinds, of another picture further down, too.
const style = (text) => h("style", {}, text.replaceAll(".own ", ".bgnb.bgnb "));

const controls = (...children) => h("div", { class: "controls" }, ...children);
const said = () => h("p", { class: "said", role: "status", "aria-live": "polite" });
const figure = (kind, caption, ...children) =>
  h("figure", { class: kind }, ...(caption ? [h("figcaption", {}, caption)] : []), ...children);
const panel = (caption, ...children) => figure("panel", caption, ...children);
const wide = (caption, ...children) => figure("wide", caption, ...children);

// A legend of lines: colour, words, and "solid", "dashed" or "fill" each.
function legend(...entries) {
  return h("ul", { class: "legend" }, ...entries.map(([colour, words, dash = "solid"]) =>
    h("li", {}, h("i", { "--colour": colour, "--dash": dash, class: dash === "fill" && "fill" }), words)));
}

const letter = (kind) => (kind === "T" ? "?" : kind);
const colourOf = (kind) => ({ "--colour": LOOK.kinds[kind][0], "--letter": "NP".includes(kind) ? "#fff" : "#000" });

// The letters of the kinds in their colours, with what they mean.
function legendOfKinds(names) {
  return h("ul", { class: "legend" }, ...names.map((name) =>
    h("li", {}, h("b", colourOf(name), letter(name)), LOOK.kinds[name][1].replace(/^[PFN]: /, ""))));
}

// Bytes, whole numbers and floats that Python sent. They may begin anywhere in a message, so numbers are copied out.
const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const copied = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
const floats = (view) => new Float32Array(copied(view));
const integers = (view) => new Int32Array(copied(view));

// Bytes that Python packed with zlib.
async function unpacked(view) {
  const stream = new Blob([bytes(view)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// All photos of a picture lie in one sheet. `then` gets a function (pen, number, x, y, width, height) that draws one of them.
function sheet(view, { width, height, across }, then) {
  createImageBitmap(new Blob([bytes(view)], { type: "image/webp" })).then((image) => {
    then((pen, i, x = 0, y = 0, w = pen.canvas.width, h = pen.canvas.height) =>
      pen.drawImage(image, (i % across) * width, Math.floor(i / across) * height, width, height, x, y, w, h));
  });
}

// A canvas of a photo's shape; about `wanted` pixels wide, so that outlines are thin.
function canvas(width, height, label, wanted = 512) {
  const scale = Math.max(1, Math.round(wanted / width));
  return h("canvas", { width: width * scale, height: height * scale, role: "img", "aria-label": label });
}

// A colour as a browser keeps it in memory: [red, green, blue] and its opacity from 0 to 1.
const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const ink = ([red, green, blue], opacity = 1) => ((Math.round(255 * opacity) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
const PLAIN = ink(rgb(LOOK.plain));
const magma = (opacity = 1) => Uint32Array.from(LOOK.magma, (hex) => ink(rgb(hex), opacity)); // of the levels 0 ... 100
const MAGMA = magma();

// Paint a small grid of colours over a canvas, each value a square. `colour(i)` gives the ink.
function paint(pen, columns, rows, colour) {
  const small = h("canvas", { width: columns, height: rows }), image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = colour(i);
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, pen.canvas.width, pen.canvas.height);
  pen.imageSmoothingEnabled = true;
}

const magmaLegend = () => {
  const stops = LOOK.magma.filter((_, i) => i % 20 === 0).join(", ");
  return [`linear-gradient(90deg, ${stops})`, "targetness from 0 to 1", "fill"];
};

// The border of a region of squares as closed lines, region on the right: so dashes run on around corners.
function contour(inside, columns, rows, side) {
  const wide = columns + 1, next = new Int32Array(2 * wide * (rows + 1)).fill(-1); // from a corner to at most two others
  const here = new Uint8Array((columns + 2) * (rows + 2)); // with a margin, which is outside
  for (let i = 0; i < columns * rows; i++) here[(Math.floor(i / columns) + 1) * (columns + 2) + (i % columns) + 1] = inside(i);
  const go = (from, to) => { next[2 * from + (next[2 * from] >= 0 ? 1 : 0)] = to; };
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const i = (y + 1) * (columns + 2) + x + 1, corner = y * wide + x;
      if (!here[i]) continue;
      if (!here[i - columns - 2]) go(corner, corner + 1);
      if (!here[i + 1]) go(corner + 1, corner + 1 + wide);
      if (!here[i + columns + 2]) go(corner + 1 + wide, corner + wide);
      if (!here[i - 1]) go(corner + wide, corner);
    }
  }
  const path = new Path2D();
  const step = (from) => { // the next corner, which is then used up
    const at = next[2 * from + 1] >= 0 ? 2 * from + 1 : 2 * from, to = next[at];
    next[at] = -1;
    return to;
  };
  for (let first = 0; first < next.length / 2; first++) {
    while (next[2 * first] >= 0) {
      path.moveTo((first % wide) * side, Math.floor(first / wide) * side);
      for (let at = step(first); at >= 0; at = step(at)) path.lineTo((at % wide) * side, Math.floor(at / wide) * side);
    }
  }
  return path;
}

// What is computed once for each key, and then kept.
function kept(compute) {
  const found = new Map();
  return (key) => {
    if (!found.has(key)) found.set(key, compute(key));
    return found.get(key);
  };
}

// A line that shows on bright and on dark ground: dark beside its colour.
function stroke(pen, path, colour, width, dashes = []) {
  pen.save();
  pen.lineJoin = "round";
  pen.setLineDash(dashes);
  for (const [style, thick] of [["#000", width + 3], [colour, width]]) {
    pen.strokeStyle = style;
    pen.lineWidth = thick;
    pen.stroke(path);
  }
  pen.restore();
}

// Masks come as one bit a pixel, the first pixel in the highest bit.
const bit = (mask, i) => (mask[i >> 3] >> (7 - (i & 7))) & 1;

// A map comes as levels: how many of the map thresholds 0.01, 0.02 ... 1 its targetness reaches. `cell`: pixels along the side
// of a square of one value. Returns IoU with the mask at each of the 101 levels, in one pass over the pixels.
function ious(levels, cell, width, height, mask) {
  const on = new Float64Array(102), off = new Float64Array(102);
  let target = 0;
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / cell) * (width / cell);
    for (let x = 0; x < width; x++) {
      const level = levels[row + Math.floor(x / cell)];
      if (bit(mask, y * width + x)) { on[level]++; target++; } else off[level]++;
    }
  }
  for (let k = 100; k >= 0; k--) { on[k] += on[k + 1]; off[k] += off[k + 1]; }
  return Array.from({ length: 101 }, (_, k) => on[k] / Math.max(1, target + off[k]));
}

const levelOf = (threshold) => Math.round(100 * threshold);

// A chart that fills its width, drawn anew when that changes, in pixels of the screen: its letters stay readable on a phone.
// `draw(width)` returns the inside of the SVG.
function chart(height, label, draw) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("height", height);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.redraw = () => { if (svg.clientWidth) svg.innerHTML = draw(svg.clientWidth); };
  new ResizeObserver(svg.redraw).observe(svg);
  return svg;
}

// Axes from x[0] to x[1] and y[0] to y[1] within a frame; X and Y turn numbers into pixels.
function axes(width, height, { x, y, xlabel, ylabel = "", xticks, yticks, left = 48, top = 14, right = 12 }) {
  const bottom = xlabel ? 42 : 24;
  const X = (value) => left + ((value - x[0]) / (x[1] - x[0])) * (width - left - right);
  const Y = (value) => height - bottom - ((value - y[0]) / (y[1] - y[0])) * (height - top - bottom);
  const low = height - bottom;
  let drawn = "";
  for (const t of yticks) {
    drawn += `<line class="grid" x1="${left}" x2="${width - right}" y1="${Y(t)}" y2="${Y(t)}"/>`;
    drawn += `<text x="${left - 7}" y="${Y(t) + 4}" text-anchor="end">${short(t)}</text>`;
  }
  for (const t of xticks) {
    drawn += `<line class="axis" x1="${X(t)}" x2="${X(t)}" y1="${low}" y2="${low + 4}"/>`;
    drawn += `<text x="${X(t)}" y="${low + 18}" text-anchor="middle">${short(t)}</text>`;
  }
  drawn += `<line class="axis" x1="${left}" x2="${width - right}" y1="${low}" y2="${low}"/>`;
  drawn += `<text x="${(left + width - right) / 2}" y="${height - 4}" text-anchor="middle">${escaped(xlabel)}</text>`;
  const middle = `translate(13 ${(top + low) / 2}) rotate(-90)`;
  if (ylabel) drawn += `<text transform="${middle}" text-anchor="middle">${escaped(ylabel)}</text>`;
  return { X, Y, drawn, left, right: width - right, top, low };
}

const line = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");
