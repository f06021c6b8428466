// Patches on photos, coloured by kind: move the patch size, the least share of target that makes a patch P, and how many.

// The label-noise rate: the share of F among the first `count` patches of target images.
function noise(fractions, count, least) {
  let wrong = 0;
  for (let i = 0; i < count; i++) wrong += fractions[i] < Math.fround(least);
  return wrong / count;
}

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show?.(state));
  const { given, data } = picture;
  const { width, height, sizes, crops, targets, photos } = given;
  const fractions = data.fractions && floats(data.fractions), places = integers(data.places);
  const sort = (i) => (i < photos ? "target image" : "background image");
  const boxes = Array.from({ length: given.n }, (_, i) => canvas(width, height, sort(i), 384));
  const words = said();
  let show;
  picture.root.append(
    controls(
      slider(picture, "size", "patch size (pixels)", sizes.range, String),
      ...(fractions ? [slider(picture, "least", "min. fraction of target pixels", [0.02, 0.5, 0.02])] : []),
      slider(picture, "crops", "patches from each photo", [1, crops, 1], String),
    ),
    words,
    wide("Target images", h("div", { class: "four" }, ...boxes.slice(0, photos))),
    wide("Background images", h("div", { class: "four" }, ...boxes.slice(photos))),
    legendOfKinds(fractions ? ["P", "F", "N"] : ["T", "N"]),
    style(".own .four { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; }"),
  );

  function frame(pen, left, top, size, kind) {
    const s = pen.canvas.width / width, [colour] = LOOK.kinds[kind];
    pen.lineWidth = 7;
    pen.strokeStyle = "#fff";
    pen.strokeRect(left * s, top * s, size * s, size * s);
    pen.lineWidth = 4;
    pen.strokeStyle = colour;
    pen.strokeRect(left * s, top * s, size * s, size * s);
    pen.fillStyle = colour;
    pen.fillRect(left * s, top * s, 24, 26);
    pen.fillStyle = "NP".includes(kind) ? "#fff" : "#000";
    pen.font = "bold 21px sans-serif";
    pen.fillText(letter(kind), left * s + 5, top * s + 20);
  }

  // `places` holds, for each size, each shown photo and each patch: left, top, number among the target images' patches or -1.
  sheet(data.photos, given, (draw) => {
    show = ({ size, least, crops: count }) => {
      const at = (size - sizes.range[0]) / sizes.range[2], total = targets * crops;
      const mine = fractions?.subarray(at * total, (at + 1) * total);
      boxes.forEach((box, i) => {
        const pen = box.getContext("2d");
        draw(pen, i);
        for (let k = 0; k < count; k++) {
          const first = 3 * ((at * given.n + i) * crops + k), number = places[first + 2];
          const kind = i >= photos ? "N" : !mine ? "T" : mine[number] >= Math.fround(least) ? "P" : "F";
          if (places[first] >= 0) frame(pen, places[first], places[first + 1], size, kind);
        }
      });
      const n = targets * count, rate = mine && noise(mine, n, least), wrong = Math.round(rate * n);
      words.textContent = mine
        ? `Label noise: ${percent(rate)}. Of ${n} patches of target images, ${n - wrong} are P and ${wrong} are F.`
        : `${n} patches of target images. No mask tells P from F.`;
    };
    picture.redraw();
  });
  return picture.close;
}

export default { render };
