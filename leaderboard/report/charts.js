// Plots of a family: intervals, accuracy against cost, few-shot curves.

/** A part of a family's panel: `draw(body, shown rows, width)` fills it and says what is missing.
 * A closed one is drawn when it is opened. */
function section(family, title, hint, choices, draw, closed = false) {
  const body = el('div', { class: 'body' });
  const rest = [hint ? el('p', { class: 'hint' }, hint) : null,
    choices.length ? el('div', { class: 'controls' }, choices) : null, body];
  const node = closed
    ? el('details', { class: 'part', toggle: () => update() }, el('summary', {}, el('h3', {}, title)), ...rest)
    : el('section', { class: 'part' }, el('h3', {}, title), ...rest);
  family.node.querySelector('.charts').append(node);
  let last = [];
  const update = (shown) => {
    last = shown ?? last;
    body.replaceChildren();
    if (closed && !node.open) return;
    const text = draw(body, last, Math.max(280, Math.floor(body.clientWidth)));
    if (text) body.append(el('p', { class: 'hint' }, text));
  };
  return { node, update };
}

function prepareSections(family) {
  const sections = [];
  // one point is no plot
  if (family.rows.filter((row) => row.runs.length).length > 1) sections.push(intervals(family), costs(family));
  if (family.id === 'fs') sections.push(shots(family));
  return [...sections, ...closerSections(family)];
}

const NOTHING = 'None of the rows shown has a number here.';
const ONE = 'Only one of the rows shown has a number here: nothing to compare.';
/** The heading of a group as plots have it. */
const heading = (group) => el('b', {}, group.heading + (group.synthetic ? ' (synthetic)' : ''));

/** Columns as options of a select, by group. */
const columnOptions = (family, columns) =>
  columns.map((column) => [String(column), family.columns[column].name]);

/** Two plots side by side where there is room and more than one; the width of each. */
function split(grid, width, count) {
  const two = width >= 760 && count > 1;
  grid.classList.toggle('two', two);
  return two ? Math.floor((width - 24) / 2) : width;
}

// ---- intervals ----

function intervals(family) {
  const picked = family.groups.map((group) => group.main);
  const hint = 'Dot: value. Line: 95 % interval over seeds or items, as the table says. ' +
    'Filled: the best, and all that cannot be told from it, where the table has ranks. ' +
    'Diamond: as reported. Dashed: chance.';
  return section(family, 'Values and intervals', hint, [], (body, shown, width) => {
    const grid = el('div', { class: 'grid' });
    body.append(grid);
    const each = split(grid, width, shownGroups(family).length);
    for (const { group, number } of shownGroups(family)) {
      const plot = el('div', {});
      const draw = () => plot.replaceChildren(intervalPlot(family, picked[number], shown, each));
      const change = (value) => { picked[number] = Number(value); draw(); };
      grid.append(el('figure', {},
        el('figcaption', {}, heading(group), group.columns.length > 1
          ? choice('column', columnOptions(family, group.columns), String(picked[number]), change)
          : ` ${family.columns[picked[number]].name}`),
        plot));
      draw();
    }
    return grid.children.length ? '' : NOTHING;
  });
}

function intervalPlot(family, column, shown, width) {
  const { unit, lower, chance } = family.columns[column];
  const lines = shown
    .map(({ row, number }) => ({ row, cell: cellOf(family, number, column) }))
    .filter(({ cell }) => cell && cell.value !== null)
    .sort((a, b) => (lower ? 1 : -1) * (a.cell.value - b.cell.value));
  if (lines.length < 2) return el('p', { class: 'hint' }, lines.length ? ONE : NOTHING);
  const longest = Math.max(...lines.map(({ row }) => row.name.length)) * 6.8 + 12;
  const left = Math.min(longest, width * 0.38), right = width - 44, step = 24;
  const height = lines.length * step + 34;
  const values = lines.flatMap(({ cell }) => [cell.value, cell.low, cell.high, cell.reported]);
  const measured = values.filter((value) => typeof value === 'number');
  const [low, high] = [Math.min(...measured), Math.max(...measured)];
  // far from everything measured, chance would take the room that the intervals need
  const near = typeof chance === 'number' && chance > low - (high - low) && chance < high + (high - low);
  const known = near ? [...measured, chance] : measured;
  const x = linear(known, left + 8, right - 8, unit);
  const bottom = height - 26;
  const parts = x.ticks.map((tick) => [
    svg('line', { class: 'gridline', x1: x(tick), x2: x(tick), y1: 4, y2: bottom }),
    svg('text', { class: 'tick', x: x(tick), y: bottom + 16, 'text-anchor': 'middle' }, short(tick)),
  ]).flat();
  if (near) {
    parts.push(svg('line', { class: 'chance', x1: x(chance), x2: x(chance), y1: 2, y2: bottom }));
  } else if (typeof chance === 'number') {
    parts.push(svg('text', { class: 'tick', x: 0, y: bottom + 16 }, `chance ${short(chance)}`));
  }
  const ranked = lines.some(({ cell }) => cell.best);
  lines.forEach(({ row, cell }, k) => {
    parts.push(intervalLine(row, cell, x, 16 + k * step, { left, width, strong: !ranked || cell.best }));
  });
  const said = lines.map(({ row, cell }) => `${row.name} ${fixed(cell.value)}`).join(', ');
  return drawing(width, height, `${headingOf(family, column)}: ${said}`, ...parts);
}

function intervalLine(row, cell, x, y, { left, width, strong }) {
  const title = `${row.name}: ${fixed(cell.value)}` +
    (cell.low === null ? '' : `, ${fixed(cell.low)} to ${fixed(cell.high)} (${cell.how})`);
  const parts = [
    svg('title', {}, title),
    svg('rect', { class: 'band', x: 0, y: y - 12, width, height: 24 }),
    svg('text', { class: 'name', x: left, y: y + 4, 'text-anchor': 'end' }, cut(row.name, left)),
    svg('text', { class: 'number', x: width - 2, y: y + 4, 'text-anchor': 'end' }, fixed(cell.value)),
  ];
  if (cell.low !== null && cell.high !== null) {
    parts.push(svg('line', { class: 'range', x1: x(cell.low), x2: x(cell.high), y1: y, y2: y }));
  }
  if (typeof cell.reported === 'number') {
    const at = x(cell.reported);
    const points = `${at},${y - 6} ${at + 6},${y} ${at},${y + 6} ${at - 6},${y}`;
    parts.push(svg('polygon', { class: 'reported', points }));
  }
  parts.push(svg('circle', { class: strong ? 'dot strong' : 'dot', cx: x(cell.value), cy: y, r: 4.5 }));
  return svg('g', { class: 'line' }, ...parts);
}

// ---- accuracy against cost ----

const AXES = ['trainable', 'params', 'gflops', 'train_hours', 'speed', 'memory'];

function costs(family) {
  const known = AXES.filter((cost) => // with one value there is nothing to compare
    new Set(family.rows.map((row) => row.cost[cost]).filter((v) => v !== undefined)).size > 1);
  let cost = known[0];
  let column = family.lead;
  const all = family.columns.map((_, k) => [String(k), headingOf(family, k)]);
  const choices = known.length ? [
    choice('Cost', known.map((k) => [k, DATA.costs[k]]), cost, (v) => { cost = v; part.update(); }),
    choice('Value', all, String(column), (v) => { column = Number(v); part.update(); }),
  ] : [];
  const hint = 'Cost of the runs behind a value, their median; of training, the longest. Times hold for the hardware named below the table.';
  const part = section(family, 'Accuracy against cost', hint, choices, (body, shown, width) => {
    if (!known.length) return 'All rows cost the same, or their records do not say what they cost.';
    const points = shown
      .map(({ row, number }) => ({ row, cell: cellOf(family, number, column) }))
      .filter(({ cell }) => cell && cell.value !== null && cell.cost[cost] !== undefined);
    if (points.length < 2) return points.length ? ONE : NOTHING;
    body.append(costPlot(family, column, cost, points, width));
    return '';
  });
  return part;
}

function costPlot(family, column, cost, points, full) {
  const width = Math.min(full, 860), height = Math.min(430, 200 + width * 0.28);
  const [left, right, top, bottom] = [46, width - 14, 12, height - 42];
  const costsHere = points.map(({ cell }) => cell.cost[cost]);
  const positive = costsHere.filter((value) => value > 0);
  const wide = positive.length > 1 && Math.max(...positive) / Math.min(...positive) > 8;
  const x = wide ? logarithmic(costsHere, left, right) : linear(costsHere, left + 8, right - 8, '');
  const { unit, lower } = family.columns[column];
  const y = linear(points.map(({ cell }) => cell.value), bottom - 6, top + 6, unit);
  const parts = axes(x, y, { left, right, top, bottom });
  parts.push(svg('text', { class: 'axis', x: right, y: height - 6, 'text-anchor': 'end' },
    `${DATA.costs[cost]}${wide ? ', logarithmic' : ''} →`));
  if (lower) parts.push(svg('text', { class: 'axis', x: left + 4, y: top + 4 }, 'lower is better'));
  const placed = points.map(({ row, cell }) => ({
    row, cell, x: x(cell.cost[cost]), y: y(cell.value),
  }));
  const taken = placed.map((p) => ({ x0: p.x - 6, x1: p.x + 6, y0: p.y - 6, y1: p.y + 6 }));
  for (const p of placed.sort((a, b) => a.y - b.y || a.x - b.x)) {
    const text = `${p.row.name}: ${fixed(p.cell.value)}, ${short(p.cell.cost[cost])}`;
    parts.push(svg('g', { class: 'series' }, svg('title', {}, text),
      ...costLabel(p, taken, { left, right, top, bottom }), marker(colour(p.row), p.x, p.y)));
  }
  return drawing(width, height, `${headingOf(family, column)} against ${DATA.costs[cost]}`, ...parts);
}

/** A label beside its point where nothing stands yet, with a line to it where it had to go far. */
function costLabel(p, taken, { left, right, top, bottom }) {
  const text = cut(p.row.name, 190);
  const long = text.length * 6.7;
  for (const far of [0, 14, -14, 28, -28, 42, -42, 56, -56, 70, -70, 84, -84]) {
    for (const side of [1, -1]) {
      const x0 = side > 0 ? p.x + 10 : p.x - 10 - long;
      const box = { x0, x1: x0 + long, y0: p.y + far - 7, y1: p.y + far + 7 };
      const inside = box.x0 >= left && box.x1 <= right + 12 && box.y0 >= top - 8 && box.y1 <= bottom;
      const free = taken.every((o) => o === box || box.x1 < o.x0 || box.x0 > o.x1 ||
        box.y1 < o.y0 || box.y0 > o.y1);
      if (!inside || !free) continue;
      taken.push(box);
      const at = { x: side > 0 ? x0 : box.x1, y: p.y + far + 4, 'text-anchor': side > 0 ? 'start' : 'end' };
      const lead = svg('line', {
        class: 'lead', x1: p.x, y1: p.y, x2: side > 0 ? x0 - 2 : box.x1 + 2, y2: p.y + far,
      });
      return [far ? lead : null, svg('text', { class: 'name', ...at }, text)].filter(Boolean);
    }
  }
  return [];
}

function axes(x, y, { left, right, top, bottom }) {
  const lines = y.ticks.map((tick) => [
    svg('line', { class: 'gridline', x1: left, x2: right, y1: y(tick), y2: y(tick) }),
    svg('text', { class: 'tick', x: left - 6, y: y(tick) + 4, 'text-anchor': 'end' }, short(tick)),
  ]);
  const marks = x.ticks.map((tick) => [
    svg('line', { class: 'gridline', x1: x(tick), x2: x(tick), y1: top, y2: bottom }),
    svg('text', { class: 'tick', x: x(tick), y: bottom + 16, 'text-anchor': 'middle' }, short(tick)),
  ]);
  return [...lines, ...marks].flat();
}

// ---- few-shot curves ----

function shots(family) {
  const hint = 'Bands: 95 % intervals. Dashed: chance. Point at a curve to bring it forward; untick methods above the table.';
  return section(family, 'Accuracy by number of training clips per class', hint, [],
    (body, shown, width) => {
      const grid = el('div', { class: 'grid' });
      const each = split(grid, width, shownGroups(family).length);
      body.append(grid);
      for (const { group, number } of shownGroups(family)) {
        const series = shown
          .map(({ row, number: r }) => ({ row, points: curve(family, r, number) }))
          .filter(({ points }) => points.length);
        if (series.flatMap(({ points }) => points).length < 2) continue;
        grid.append(el('figure', {}, el('figcaption', {}, heading(group)),
          shotPlot(family, series, group, each)));
      }
      return grid.children.length ? '' : 'None of the rows shown has two points.';
    });
}

/** Points of a row over K, by K. */
function curve(family, row, group) {
  const found = [];
  for (const number of family.groups[group].columns) {
    const k = /^k(\d+)$/.exec(family.columns[number].variant);
    const cell = cellOf(family, row, number);
    if (k && cell && cell.value !== null) found.push({ k: Number(k[1]), cell });
  }
  return found.sort((a, b) => a.k - b.k);
}

function shotPlot(family, series, group, full) {
  const width = Math.min(full, 860), height = Math.min(460, 240 + width * 0.26);
  const room = Math.min(180, width * 0.34);
  const [left, right, top, bottom] = [40, width - room, 12, height - 42];
  const all = series.flatMap(({ points }) => points);
  const ks = [...new Set(all.map(({ k }) => k))].sort((a, b) => a - b);
  const first = Math.log2(ks[0]), last = Math.log2(ks[ks.length - 1]);
  const x = (k) => left + 10 + ((Math.log2(k) - first) / (last - first || 1)) * (right - left - 20);
  x.ticks = ks;
  const values = all.flatMap(({ cell }) => [cell.value, cell.low, cell.high]);
  // the same for all K; a K that nobody ran has none
  const guess = group.columns.map((c) => family.columns[c].chance).find((v) => v !== null);
  const y = linear([...values, guess].filter((v) => typeof v === 'number'), bottom - 4, top + 4, '%');
  const ends = series.map(({ points }) => y(points[points.length - 1].cell.value));
  const labels = spread(ends, 15, top + 6, bottom - 2);
  const parts = axes(x, y, { left, right, top, bottom });
  parts.push(svg('text', { class: 'axis', x: right, y: height - 6, 'text-anchor': 'end' },
    'training clips per class (K) →'));
  if (typeof guess === 'number') {
    parts.push(svg('line', { class: 'chance', x1: left, x2: right, y1: y(guess), y2: y(guess) }));
  }
  series.forEach(({ row, points }, k) => {
    parts.push(shotCurve(row, points, x, y, { end: ends[k], label: labels[k], right, room }));
  });
  return drawing(width, height, `${group.heading}: accuracy by K`, ...parts);
}

function shotCurve(row, points, x, y, { end, label, right, room }) {
  const number = colour(row);
  const line = points.map(({ k, cell }) => `${x(k)},${y(cell.value)}`).join(' ');
  const held = points.filter(({ cell }) => cell.low !== null && cell.high !== null);
  const band = [
    ...held.map(({ k, cell }) => `${x(k)},${y(cell.high)}`),
    ...held.slice().reverse().map(({ k, cell }) => `${x(k)},${y(cell.low)}`),
  ].join(' ');
  const said = points.map(({ k, cell }) => `K=${k} ${fixed(cell.value)}`).join(', ');
  return svg('g', { class: 'series' },
    svg('title', {}, `${row.name}: ${said}`),
    held.length > 1 ? svg('polygon', { class: `area c${number % 8}`, points: band }) : '',
    svg('polyline', { class: `curve c${number % 8}`, points: line }),
    ...points.map(({ k, cell }) => marker(number, x(k), y(cell.value), 3.5)),
    svg('line', { class: 'lead', x1: right - 6, y1: end, x2: right + 8, y2: label }),
    marker(number, right + 14, label, 4),
    svg('text', { class: 'name', x: right + 23, y: label + 4 }, cut(row.name, room - 24)));
}
