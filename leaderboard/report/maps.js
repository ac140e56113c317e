// Maps of video features: drawn when they are opened.

function maps(family, places) {
  let place = places[Math.max(0, firstPlace(places))], by = '', picked = '';
  const redraw = () => part.update();
  const colours = dependent('Colour', () => [...place.attributes.map((name) => [name, name]), ['', 'class']],
    (value) => { by = value; picked = ''; redraw(); });
  const start = () => { colours.fill(place.attributes.at(-1) ?? ''); by = colours.value; picked = ''; };
  start();
  const pick = (value) => { place = places[Number(value)]; start(); redraw(); };
  const hint = 'Two-dimensional t-SNE of the video features: neighbours mean something, distances between ' +
    'groups do not. Choose a word below to bring it forward.';
  const choices = [choice('Split', placeOptions(places), String(places.indexOf(place)), pick), colours.node];
  const part = section(family, 'Maps of the videos', hint, choices, (body, shown, width) => {
    const rows = shown.filter(({ number }) => place.rows[number]?.map);
    if (!rows.length) return NOTHING;
    const words = [...new Set(place.classes.map((name) => wordOf(place, name, by)))].sort();
    const size = Math.min(260, width < 480 ? Math.floor((width - 12) / 2) : 220);
    const grid = el('div', { class: 'maps' }, rows.map(({ row, number }) => el('figure', {},
      el('figcaption', {}, row.name), mapPlot(place, place.rows[number], words, by, picked, size))));
    const legend = el('div', { class: 'legend', role: 'group', 'aria-label': 'Bring forward' },
      words.map((word, k) => legendButton(word, k, picked, (now) => {
        picked = now;
        redraw();
        body.querySelectorAll('.legend button')[k].focus();
      })));
    body.append(grid, legend);
    return '';
  }, true);
  return part;
}

/** A class by itself, or one of the words that it is made of. */
function wordOf(place, name, by) {
  const k = place.attributes.indexOf(by);
  if (k < 0) return name;
  const words = name.split(' ');
  return k === place.attributes.length - 1 ? words.slice(k).join(' ') : words[k];
}

function legendButton(word, number, picked, choose) {
  const mark = svg('svg', { width: 14, height: 14, viewBox: '0 0 14 14', 'aria-hidden': 'true' },
    marker(number, 7, 7, 4.5));
  return el('button', {
    type: 'button', 'aria-pressed': String(picked === word), click: () => choose(picked === word ? '' : word),
  }, mark, ` ${word}`);
}

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function mapPlot(place, detail, words, by, picked, size) {
  const points = bytes(detail.map), targets = new Uint16Array(bytes(detail.map_target).buffer);
  const numbers = place.classes.map((name) => words.indexOf(wordOf(place, name, by)));
  const paths = words.map(() => '');
  const scale = (value) => (6 + (value / 255) * (size - 12)).toFixed(1);
  targets.forEach((target, k) => {
    const word = numbers[target] ?? 0;
    paths[word] += dotPath(word, Number(scale(points[2 * k])), Number(scale(points[2 * k + 1])));
  });
  const order = words.map((_, k) => k).sort((a, b) => (words[a] === picked) - (words[b] === picked));
  const drawn = order.map((k) => svg('path', {
    class: `dots s${Math.floor(k / 8) % 3} c${k % 8}${picked && words[k] !== picked ? ' faint' : ''}`, d: paths[k],
  }, svg('title', {}, words[k])));
  return drawing(size, size, `Map of ${place.label}`, ...drawn);
}

/** One dot as a part of a path, of the shape that `marker` gives the word: many dots are one element. */
function dotPath(word, x, y) {
  // a line of no length is a dot or a square by its ends; a triangle has to be drawn
  return Math.floor(word / 8) % 3 < 2 ? `M${x} ${y}h0` : `M${x - 2} ${y + 1.5}h4l-2-3.5z`;
}
