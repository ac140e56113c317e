// Small tools: elements, numbers, scales. The files of this folder are joined into one script.

/** The data with all references to the pool replaced: `{"$": n}` is the n-th value of the pool, and a key
 * `$$x` was `$x`. */
function expand(packed) {
  const done = [];
  const walk = (value) => {
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== 'object') return value;
    if (Object.hasOwn(value, '$')) return done[value.$];
    return Object.fromEntries(Object.entries(value).map(([key, item]) =>
      [key.startsWith('$') ? key.slice(1) : key, walk(item)]));
  };
  for (const value of packed.pool) done.push(walk(value));
  return walk(packed.root);
}

/** Sets attributes and appends children; functions become listeners, text is never markup. */
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ''));
  return node;
}
const el = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

/** As Python prints it: 57.25, which lies half-way exactly, becomes the even 57.2, where toFixed says 57.3. */
const rounded = (value, digits) => {
  const up = value.toFixed(digits);
  const halfway = (Math.abs(value) * 2 ** (digits + 1)) % 2 === 1;
  return halfway && Number(up.at(-1)) % 2 ? (Number(up) - Math.sign(value) * 10 ** -digits).toFixed(digits) : up;
};
const fixed = (value, digits = 1) =>
  value === null || value === undefined ? '' : rounded(value, digits);
const signed = (value) => (value > 0 ? '+' : value < 0 ? '−' : '±') + rounded(Math.abs(value), 1);
/** A cost or a tick in few digits. */
function short(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  return String(Number(value.toFixed(digits)));
}
const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
/** Text cut to a width in pixels, at about `each` pixels a character. */
function cut(text, width, each = 6.6) {
  const most = Math.max(3, Math.floor(width / each));
  return text.length <= most ? text : text.slice(0, most - 1) + '…';
}

/** A select with a label. `options`: [value, text]; calls `change` with the value. */
function choice(label, options, value, change) {
  const node = el('select', { change: () => change(node.value) });
  for (const [key, text] of options) node.append(el('option', { value: key }, text));
  node.value = value;
  return el('label', { class: 'choice' }, el('span', {}, label), node);
}

/** Ticks at round numbers between low and high, about `count` of them. */
function ticks(low, high, count) {
  const raw = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= raw * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) {
    found.push(Number((k * step).toPrecision(12)));
  }
  return found;
}

/** A linear scale with a margin around the values; percentages stay within 0 and 100. */
function linear(values, from, to, unit) {
  let low = Math.min(...values), high = Math.max(...values);
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
  low -= margin;
  high += margin;
  if (unit === '%') [low, high] = [Math.max(0, low), Math.min(100, high)];
  // an interval over seeds may go beyond what a percentage can be
  const held = (value) => (unit === '%' ? Math.min(Math.max(value, low), high) : value);
  const scale = (value) => from + ((held(value) - low) / (high - low)) * (to - from);
  scale.ticks = ticks(low, high, Math.max(2, Math.abs(to - from) / 70));
  return scale;
}

/** A logarithmic scale; zero has a place of its own at its start. */
function logarithmic(values, from, to) {
  const positive = values.filter((value) => value > 0);
  const zero = positive.length < values.length ? 34 : 0;
  const low = Math.log10(Math.min(...positive)) - 0.08;
  const high = Math.log10(Math.max(...positive)) + 0.08;
  const start = from + zero;
  const scale = (value) =>
    value > 0 ? start + ((Math.log10(value) - low) / (high - low)) * (to - start) : from + 8;
  scale.ticks = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    for (const k of [1, 2, 5]) {
      const value = k * 10 ** power;
      if (Math.log10(value) >= low && Math.log10(value) <= high) scale.ticks.push(value);
    }
  }
  const room = Math.max(2, Math.floor((to - start) / 55));
  const every = Math.ceil(scale.ticks.length / room);
  scale.ticks = scale.ticks.filter((_, k) => k % every === 0);
  if (zero) scale.ticks.unshift(0);
  return scale;
}

/** Marks of a series: eight colours, then the same with other shapes. */
function marker(number, x, y, size = 5) {
  const shape = Math.floor(number / 8) % 3;
  const name = `mark c${number % 8}`;
  if (shape === 0) return svg('circle', { class: name, cx: x, cy: y, r: size });
  if (shape === 1) {
    return svg('rect', { class: name, x: x - size, y: y - size, width: 2 * size, height: 2 * size });
  }
  const points = `${x},${y - size * 1.3} ${x + size * 1.2},${y + size} ${x - size * 1.2},${y + size}`;
  return svg('polygon', { class: name, points });
}

/** A drawing of a width in CSS pixels, so that its text has the size of the page. */
function drawing(width, height, label, ...children) {
  const box = { viewBox: `0 0 ${width} ${height}`, width, height };
  return svg('svg', { ...box, role: 'img', 'aria-label': label, class: 'plot' }, ...children);
}

/** Moves texts apart that would stand closer than `gap`, within low and high; returns their places. */
function spread(wanted, gap, low, high) {
  const order = wanted.map((_, k) => k).sort((a, b) => wanted[a] - wanted[b]);
  const places = wanted.slice();
  let last = low - gap;
  for (const k of order) {
    places[k] = Math.max(wanted[k], last + gap);
    last = places[k];
  }
  last = high + gap;
  for (const k of order.reverse()) {
    places[k] = Math.min(places[k], last - gap);
    last = places[k];
  }
  return places;
}
