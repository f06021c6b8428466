// Your own photo: a trained network lies in the page, maps the photo here, and nothing leaves this machine. See network.js and
// pixels.js.

const MOST = 4e6; // pixels of a photo that are kept; a larger one is scaled down first
const LONGEST = 8; // times as long as wide, at most
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
    const plain = resized(pen.getImageData(0, 0, width, height).data, width, height, wide, high);
    const pixels = given.colours ? standardised(plain, given.colours) : plain;
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
