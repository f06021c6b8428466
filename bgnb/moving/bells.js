// Two bells on a line: what carries which label, the exact backgroundness, and the boundary where it is 1/2.

const density = (x, mean) => Math.exp(-((x - mean) ** 2) / 2) / Math.sqrt(2 * Math.PI);

// Share of a normal distribution of width 1 left of x: Marsaglia's series, exact to the last digits.
function shareBelow(x, mean) {
  const z = x - mean;
  if (z < -8) return 0;
  if (z > 8) return 1;
  let sum = z, term = z;
  for (let i = 3; Math.abs(term) > 1e-17; i += 2) sum += term *= (z * z) / i;
  return 0.5 + sum * density(z, 0);
}

const bayes = (ratio, pi) => ratio / (ratio + 1 - pi);

const backgroundness = (x, ratio, pi, distance) =>
  ratio / (ratio + (1 - pi) + pi * Math.exp((x - distance / 2) * distance));

// Where backgroundness is 1/2; minus infinity if everything is called target.
function boundaryOf(ratio, pi, distance) {
  const surplus = ratio - (1 - pi);
  return surplus > 0 ? distance / 2 + Math.log(surplus / pi) / distance : -Infinity;
}

function render({ model, el }) {
  const picture = open({ model, el }, (state) => show(state));
  const { sliders } = picture.given; // name -> [label, lowest, highest, step]
  const words = said();
  let now;

  function show({ ratio, pi, distance }) {
    const boundary = boundaryOf(ratio, pi, distance), exists = Number.isFinite(boundary);
    const low = exists ? Math.min(-3.5, boundary - 0.5) : -3.5;
    const high = Math.max(distance + 3.5, 5.5, exists ? boundary + 0.5 : 0);
    const x = Array.from({ length: 301 }, (_, i) => low + ((high - low) * i) / 300);
    now = { ratio, pi, distance, boundary, exists, x, domain: [low, high] };
    const p = percent(shareBelow(boundary, distance)), f = percent(shareBelow(boundary, 0));
    words.textContent = exists
      ? `The boundary lies at ${fixed(boundary)}. Left of it, ${p} of P and ${f} of F and of N are called background. `
      : "There is no boundary: everything is called target. ";
    words.textContent += `Far from the target, F and N have a backgroundness of ${fixed(bayes(ratio, pi))}.`;
    above.redraw();
    below.redraw();
  }

  const ticksOf = ([low, high]) => {
    const step = high - low > 14 ? 5 : 2;
    return Array.from({ length: 40 }, (_, i) => step * (i - 20)).filter((t) => t >= low && t <= high);
  };
  const wall = ({ X, top, low }) => {
    const style = `stroke="${LOOK.series[4]}" stroke-width="3"`;
    return now.exists ? `<line x1="${X(now.boundary)}" x2="${X(now.boundary)}" y1="${top}" y2="${low}" ${style}/>` : "";
  };

  const above = chart(210, "how many patches of each kind there are along the line", (width) => {
    const { ratio, pi, distance, x, domain } = now;
    const curves = [["N", ratio, 0, ""], ["F", 1 - pi, 0, "7 4"], ["P", pi, distance, "2 3"]];
    const y = [0, 1.12 * density(0, 0) * Math.max(...curves.map(([, weight]) => weight))];
    const labels = { xlabel: "", ylabel: "patches", left: 44 };
    const frame = axes(width, 210, { x: domain, y, xticks: ticksOf(domain), yticks: [], ...labels });
    const { X, Y } = frame;
    return frame.drawn + curves.map(([name, weight, mean, dashes]) => {
      const points = x.map((value) => [X(value), Y(weight * density(value, mean))]), colour = LOOK.kinds[name][0];
      return `<path d="${line([[X(x[0]), Y(0)], ...points, [X(x.at(-1)), Y(0)]])}" fill="${colour}" fill-opacity=".22"/>`
        + `<path d="${line(points)}" fill="none" stroke="${colour}" stroke-width="3" stroke-dasharray="${dashes}"/>`;
    }).join("") + wall(frame) + curves.map(([name, weight, mean], i) =>
      `<text x="${X(mean) + (name === "F" ? -14 : name === "N" ? 14 : 0)}" y="${Y(weight * density(0, 0)) - 5}"
        text-anchor="middle" font-weight="700">${name}</text>`).join("");
  });

  const below = chart(230, "the exact backgroundness along the line", (width) => {
    const { ratio, pi, distance, x, domain } = now, level = bayes(ratio, pi);
    const labels = { xlabel: "what a patch looks like (one number)", ylabel: "backgroundness", left: 44 };
    const frame = axes(width, 230, { x: domain, y: [0, 1], xticks: ticksOf(domain), yticks: [0, 0.5, 1], ...labels });
    const { X, Y, left, right } = frame;
    const points = x.map((value) => [X(value), Y(backgroundness(value, ratio, pi, distance))]);
    const at = Y(level), above = level < 0.9 ? -7 : 17;
    return frame.drawn + `<line class="mark" stroke-dasharray="8 5" x1="${left}" x2="${right}" y1="${at}" y2="${at}"/>`
      + `<path class="mark" style="stroke-width:3" d="${line(points)}"/>` + wall(frame)
      + `<text x="${right}" y="${at + above}" text-anchor="end">r / (r + 1 − π) = ${fixed(level)}</text>`;
  });

  picture.root.append(
    controls(...Object.entries(sliders).map(([name, [label, ...range]]) => slider(picture, name, label, range))),
    words, wide("What carries which label", above), wide("The best answer", below),
    legendOfKinds(["N", "F", "P"]),
  );
  picture.redraw();
  return picture.close;
}

export default { render };
