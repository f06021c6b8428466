// Curves that grow while a network learns in the page.

const POINTS = 300; // of a curve, about
const INK = "var(--m-ink)";

// Points without those that are too close to see, once there are too many.
function thinned(points) {
  if (points.length < 2 * POINTS) return points;
  const gap = points.at(-1).updates / POINTS;
  let last = -gap;
  return points.filter(({ updates }, i) => {
    if (updates - last < gap && i < points.length - 1) return false;
    last = updates;
    return true;
  });
}

// Background to target as people say it: from 2 to the power of `k`.
const ratioWords = (k) => (k < 0 ? `1 : ${short(+(2 ** -k).toPrecision(2))}` : `${short(+(2 ** k).toPrecision(2))} : 1`);

// What the best possible classifier gives patches that look like background, and the loss that it still pays, on average.
function honest(ratio, pi, truth) {
  if (truth) return { level: 1, floor: 0 };
  const level = ratio / (ratio + 1 - pi), entropy = (p) => (p > 0 && p < 1 ? -p * Math.log(p) - (1 - p) * Math.log(1 - p) : 0);
  return { level, floor: ((ratio + 1 - pi) / (ratio + 1)) * entropy(level) };
}

// Axes and lines over the updates, as SVG: each line is what it takes of a point, a colour, and perhaps dashes.
function curvesOf(points, room, height, ylabel, top, lines) {
  const most = Math.max(20, points.at(-1)?.updates ?? 0), unit = 10 ** Math.floor(Math.log10(most / 5));
  const step = [1, 2, 5, 10].find((times) => 5 * times * unit >= most) * unit;
  const xticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
  const { X, Y, drawn } = axes(room, height, { x: [0, most], y: [0, top], xlabel: "updates", ylabel, xticks,
    yticks: [0, 0.25, 0.5, 0.75, 1].filter((t) => t <= top), left: 60 });
  return drawn + lines.map(([of, colour, dashes = ""]) => {
    const places = points.filter((point) => of(point) !== undefined);
    const path = line(places.map((point) => [X(point.updates), Y(Math.min(top, of(point)))]));
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="3" stroke-dasharray="${dashes}"/>`;
  }).join("");
}
