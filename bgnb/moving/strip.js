// Patches in lanes, one for each kind: after every epoch each patch moves to its backgroundness. A button plays all epochs.

function render({ model, el }) {
  const picture = open({ model, el }, () => place());
  const { given, data } = picture;
  const { epochs, kinds } = given, scores = floats(data.scores), n = kinds.length;
  const at = (epoch) => (i) => scores[(epoch - 1) * n + i];
  // Every lane is as high as its fullest epoch, so nothing below it jumps.
  const lanes = lanesOf(given, 6, (rows) => Math.max(...Array.from({ length: epochs }, (_, e) => rows(at(e + 1)))));
  let playing = null, before = 0;

  function place() {
    // While a key is held down, tiles jump. They do not glide.
    picture.root.classList.toggle("hurried", performance.now() - before < 200);
    before = performance.now();
    lanes.place(at(picture.state.epoch));
  }

  function stop() {
    clearInterval(playing);
    playing = null;
    button.textContent = "Play";
    picture.save();
  }

  function play() {
    if (playing) return stop();
    if (picture.state.epoch >= epochs) picture.put({ epoch: 1 });
    button.textContent = "Stop";
    playing = setInterval(() => {
      if (picture.state.epoch >= epochs) return stop();
      picture.put({ epoch: picture.state.epoch + 1 });
    }, 700);
  }

  const button = h("button", { type: "button", click: play }, "Play");
  picture.root.classList.add("glides");
  picture.root.append(
    style(LANES),
    controls(slider(picture, "epoch", "epoch", [1, epochs, 1], (epoch) => `${epoch} of ${epochs}`), button),
    ...lanes.parts,
    h("ul", { class: "legend" }, ...lanes.legend),
  );
  new ResizeObserver(place).observe(lanes.boxes[0]);
  picture.redraw();
  sheet(data.pixels, given, (draw) => {
    for (const { number, tile } of lanes.tiles) draw(tile.getContext("2d"), given.sheet[number]);
  });
  return () => { clearInterval(playing); picture.close(); };
}

export default { render };
