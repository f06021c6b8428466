// A picture drawn by code, with one dial turned at a time: every turn was drawn beforehand.

// The frame of a dial's step. `first`: dial -> number of its first frame; its step at the start shares frame 0.
const frameOf = ({ dial, step }, { first, begins }) =>
  step === begins[dial] ? 0 : first[dial] + step - (step > begins[dial] ? 1 : 0);

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show?.(state));
  const { given, data } = picture;
  const { width, height, dials, begins } = given; // dials: name -> words of its steps
  const masks = bytes(data.masks), packed = Math.ceil((width * height) / 8);
  const left = canvas(width, height, "picture"), right = canvas(width, height, "what its mask cuts out");
  const words = said(), value = h("output"), name = h("span");
  const input = h("input", {
    type: "range", min: 0, step: 1,
    input: () => picture.put({ step: +input.value }),
    change: () => picture.save(),
  });
  let show;
  picture.shows.push(({ dial, step }) => {
    input.max = dials[dial].length - 1;
    input.value = step;
    name.textContent = dial;
    input.setAttribute("aria-label", dial);
    value.textContent = dials[dial][step];
    input.setAttribute("aria-valuetext", value.textContent);
  });
  const options = Object.keys(dials).map((dial) => [dial, dial]);
  picture.root.append(
    choice(picture, "dial", "Turn one dial; the others go back to where they began.", options,
      (dial) => ({ step: begins[dial] })),
    controls(h("label", { class: "slide" }, name, value, input)),
    words,
    h("div", { class: "row" }, panel("Picture", left), panel("What its mask cuts out", right)),
  );
  sheet(data.photos, given, (draw) => {
    show = (state) => {
      const frame = frameOf(state, given), mask = masks.subarray(frame * packed, (frame + 1) * packed);
      draw(left.getContext("2d"), frame);
      const pen = right.getContext("2d");
      draw(pen, frame);
      let area = 0;
      for (let i = 0; i < width * height; i++) area += bit(mask, i);
      paint(pen, width, height, (i) => (bit(mask, i) ? 0 : PLAIN));
      const { dial, step } = state, share = percent(area / (width * height));
      words.textContent = `${dial}: ${dials[dial][step]}. The mask covers ${share} of the picture.`;
    };
    picture.redraw();
  });
  return picture.close;
}

export default { render };
