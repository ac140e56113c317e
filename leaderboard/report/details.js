// A closer look: classes, confusions, single clips, maps, runs and their records.

function closerSections(family) {
  const classed = family.places.filter((place) => rowsWith(place, 'per_class').length > 1);
  const itemised = family.places.filter((place) => rowsWith(place, 'worst').length);
  const mapped = family.places.filter((place) => rowsWith(place, 'map').length);
  return [
    classed.length ? differences(family, classed) : null,
    itemised.length ? closer(family, itemised) : null,
    runList(family),
    mapped.length ? maps(family, mapped) : null,
  ].filter(Boolean);
}

/** Rows of a place that have a detail, as numbers. */
const rowsWith = (place, key) =>
  Object.keys(place.rows).filter((row) => place.rows[row][key]).map(Number);
const rowOptions = (family, rows) => rows.map((row) => [String(row), family.rows[row].name]);
/** Where to start: of few-shot with the largest K of the first protocol, else with the first. */
const firstPlace = (places) => places.findLastIndex((place) =>
  place.protocol === places[0].protocol && place.split === places[0].split && /^k\d+$/.test(place.variant));
const placeOptions = (places) => places.map((place, k) => [String(k), place.label]);

/** A select whose options change with another choice; keeps its value where it can. */
function dependent(label, options, change) {
  const node = choice(label, [], '', change);
  const select = node.lastChild;
  return {
    node,
    get value() { return select.value; },
    fill(wanted) {
      const before = select.options.length ? select.value : null;
      select.replaceChildren(...options().map(([key, text]) => el('option', { value: key }, text)));
      const keys = [...select.options].map((option) => option.value);
      select.value = keys.includes(before) ? before : String(wanted ?? keys[0]);
    },
  };
}

// ---- differences of two rows, class by class ----

function differences(family, places) {
  let place = places[Math.max(0, firstPlace(places))], all = false;
  const rows = () => rowOptions(family, rowsWith(place, 'per_class'));
  const redraw = () => part.update();
  const [one, other] = [dependent('Method', rows, redraw), dependent('less', rows, redraw)];
  const pick = (value) => { place = places[Number(value)]; refill(); redraw(); };
  const refill = () => {
    const known = rowsWith(place, 'per_class');
    // plain CLIP is what most people want to compare with
    const plain = known.find((row) => family.rows[row].method === 'clip') ?? known[0];
    other.fill(plain);
    one.fill(bestOf(place, known.filter((row) => row !== plain)));
  };
  refill();
  const hint = 'Accuracy, or average precision of a label, of the first method less that of the second, ' +
    'in points; means over seeds.';
  const choices = [choice('Split', placeOptions(places), String(places.indexOf(place)), pick), one.node, other.node];
  const part = section(family, 'Class by class', hint, choices, (body, _, width) => {
    const lines = classLines(place, Number(one.value), Number(other.value));
    if (!lines.length) return NOTHING;
    const cutOff = !all && lines.length > 40;
    const shown = cutOff ? [...lines.slice(0, 15), ...lines.slice(-15)] : lines;
    const better = lines.filter(({ change }) => change > 0).length;
    const worse = lines.filter(({ change }) => change < 0).length;
    body.append(el('p', {}, `${family.rows[one.value].name} is better in ${better} of ` +
      `${plural(lines.length, 'class').replace(/classs$/, 'classes')}, worse in ${worse}.`));
    body.append(differencePlot(shown, Math.min(width, 860), place));
    if (cutOff || all) {
      body.append(el('button', { type: 'button', click: () => { all = !all; redraw(); } },
        all ? 'Only the largest differences' : `All ${lines.length} classes`));
    }
    return '';
  });
  return part;
}

/** The row with the highest mean over classes. */
function bestOf(place, rows) {
  const mean = (row) => {
    const known = place.rows[row].per_class.filter((value) => value !== null);
    return known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  return rows.slice().sort((a, b) => mean(b) - mean(a))[0];
}

function classLines(place, one, other) {
  const [a, b] = [place.rows[one]?.per_class, place.rows[other]?.per_class];
  if (!a || !b) return [];
  return place.labels
    .map((name, k) => ({ name, from: b[k], to: a[k], change: a[k] - b[k] }))
    .filter(({ from, to }) => typeof from === 'number' && typeof to === 'number')
    .sort((x, y) => y.change - x.change);
}

function differencePlot(lines, width, place) {
  const step = 20, right = width - 8;
  const longest = Math.max(...lines.map(({ name }) => name.length)) * 6.8 + 16;
  const left = Math.min(longest, width * 0.5);
  const changes = lines.map(({ change }) => change);
  const low = Math.min(0, ...changes), high = Math.max(0, ...changes, low + 1);
  // room for the numbers at the ends of the bars
  const [from, to] = [left + (low < 0 ? 44 : 4), right - (high > 0 ? 46 : 4)];
  const x = (value) => from + ((value - low) / (high - low)) * (to - from);
  const height = lines.length * step + 8;
  const zero = svg('line', { class: 'zero', x1: x(0), x2: x(0), y1: 0, y2: height });
  const parts = lines.map((line, k) => differenceLine(line, 4 + k * step, step, { x, left, width }));
  return drawing(width, height, `Differences by class, ${place.label}`, ...parts, zero);
}

function differenceLine({ name, from, to, change }, y, step, { x, left, width }) {
  const end = x(change), less = change < 0;
  const bar = { x: Math.min(x(0), end), y: y + 3, height: step - 6 };
  return svg('g', { class: 'line' },
    svg('title', {}, `${name}: ${fixed(from)} → ${fixed(to)}`),
    svg('rect', { class: 'band', x: 0, y, width, height: step }),
    svg('text', { class: 'name', x: left - 8, y: y + 14, 'text-anchor': 'end' }, cut(name, left - 8)),
    svg('rect', { class: `bar ${less ? 'less' : 'more'}`, ...bar, width: Math.max(Math.abs(end - x(0)), 0.5) }),
    svg('text', { class: 'number', y: y + 14, x: less ? end - 5 : end + 5, 'text-anchor': less ? 'end' : 'start' },
      signed(change)));
}

// ---- confusions and single clips ----

function closer(family, places) {
  let place = places[Math.max(0, firstPlace(places))];
  const redraw = () => part.update();
  const row = dependent('Method', () => rowOptions(family, rowsWith(place, 'worst')), redraw);
  const first = () => {
    const known = rowsWith(place, 'worst');
    return known.find((r) => !['random', 'clip'].includes(family.rows[r].method)) ?? known[0];
  };
  row.fill(first());
  const pick = (value) => { place = places[Number(value)]; row.fill(first()); redraw(); };
  const choices = [choice('Split', placeOptions(places), String(places.indexOf(place)), pick), row.node];
  const part = section(family, 'What goes wrong', '', choices, (body) => {
    const detail = place.rows[row.value];
    if (!detail) return NOTHING;
    const draw = { classes: classErrors, labels: labelErrors, captions: queryErrors };
    body.append(el('div', { class: 'closer' }, ...draw[place.kind](place, detail)));
    return '';
  });
  return part;
}

const className = (place, k) => place.classes[k] ?? `class ${k + 1}`;
const stripOf = (place, id) => {
  const source = DATA.strips[place.strip + id];
  return source ? el('img', { src: source, alt: `Frames of ${id}`, height: 56 }) : null;
};

/** A number with a bar that is as long as its share. */
const countCell = (count, share, width) => el('td', { class: 'count' }, el('span', {}, String(count)),
  svg('svg', { width, height: 10, 'aria-hidden': 'true' },
    svg('rect', { class: 'bar more', x: 0, y: 0, width: width * share, height: 10 })));

function classErrors(place, detail) {
  const most = Math.max(1, ...detail.pairs.map((pair) => pair[2]));
  const rows = detail.pairs.map(([target, rival, count]) => el('tr', {},
    el('td', {}, className(place, target)), el('td', {}, className(place, rival)),
    countCell(count, count / most, 60)));
  const head = el('tr', {}, ...['is', 'is taken for', 'times'].map((t) => el('th', { scope: 'col' }, t)));
  const seeds = detail.n_seeds > 1 ? `, ${detail.n_seeds} seeds together` : '';
  const clips = detail.worst.map((item) => el('li', {},
    stripOf(place, item.id),
    el('div', {}, el('b', {}, className(place, item.target)), ' taken for ',
      el('b', {}, className(place, item.rival)), el('br'),
      el('small', {}, `${item.id} · the right class comes at place ${item.rank} · ` +
        `wrong in ${item.wrong_in} of ${plural(item.wrong_of, 'row')}`))));
  return [
    el('div', {}, el('h4', {}, `Most frequent confusions${seeds}`),
      rows.length ? el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Confusions' },
        el('table', { class: 'pairs' }, el('thead', {}, head), el('tbody', {}, rows)))
        : el('p', {}, 'No clip is wrong.')),
    el('div', {}, el('h4', {}, `Clips that went worst (${detail.n_wrong} of ${detail.n} are wrong)`),
      el('ul', { class: 'clips' }, clips), runLink(detail.run)),
  ];
}

function labelErrors(place, detail) {
  const clips = detail.worst.map((item) => el('li', {},
    stripOf(place, item.id),
    el('div', {}, el('b', {}, className(place, item.label)), ' missed', el('br'),
      el('small', {}, `${item.id} · ${item.rank - 1} of ${item.of - 1} clips without the label score as high`))));
  return [el('div', {}, el('h4', {}, 'Labels that were missed most'),
    el('ul', { class: 'clips' }, clips), runLink(detail.run))];
}

function queryErrors(place, detail) {
  const clips = detail.worst.map((item) => el('li', {},
    el('div', { class: 'pair' },
      el('figure', {}, stripOf(place, item.id), el('figcaption', {}, `right: ${item.id}`)),
      item.first
        ? el('figure', {}, stripOf(place, item.first), el('figcaption', {}, `came first: ${item.first}`)) : null),
    el('div', {}, item.text ? `“${item.text}”` : `Caption ${item.number} of ${item.id}`,
      el('br'), el('small', {}, `finds its video at place ${short(item.rank)}`))));
  return [
    el('div', {}, el('h4', {}, 'Where queries find the right item'),
      histogram('text to video', detail.t2v), detail.v2t ? histogram('video to text', detail.v2t) : null),
    el('div', {}, el('h4', {}, 'Queries that went worst'),
      el('ul', { class: 'clips' }, clips), runLink(detail.run)),
  ];
}

function histogram(title, counts) {
  const names = ['place 1', '2 to 5', '6 to 10', '11 to 50', 'later'];
  const total = counts.reduce((sum, count) => sum + count, 0);
  const rows = counts.map((count, k) => el('tr', {}, el('td', {}, names[k]),
    countCell(count, count / total, 120)));
  return el('table', { class: 'pairs' }, el('caption', {}, title), el('tbody', {}, rows));
}

function runLink(id) {
  const seed = seedOf(DATA.runs[id]);
  return el('p', { class: 'hint' }, 'Of run ', runButton(id), seed === null ? '' : `, seed ${seed}`, '.');
}
const runButton = (id) => el('button', { type: 'button', class: 'link', click: () => openRun(id) }, id);
const seedOf = (record) => record.identity.train?.seed ?? record.identity.eval.seed ?? null;
