// Tabs, the table of a family, and what is chosen in them.

const DATA = expand(JSON.parse(document.getElementById('data').textContent));
const METHODS = [...new Set(DATA.families.flatMap((family) =>
  family.rows.filter((row) => row.runs.length).map((row) => row.label)))];
const FAMILIES = DATA.families.map((family, number) => ({
  ...family,
  node: document.getElementById(`family-${number}`),
  hidden: new Set(),
  words: '',
  sort: null,
  chosen: {},
  cellOf: new Map(family.cells.map((cell) => [`${cell.row}/${cell.column}`, cell])),
}));
let current = 0;

/** Place of a row's method among all, settings apart: its colour is the same in every plot. */
const colour = (row) => METHODS.indexOf(row.label);
const cellOf = (family, row, column) => family.cellOf.get(`${row}/${column}`);
/** Rows that are not unticked and hold the words of the filter. */
const visible = (family) =>
  family.rows.map((row, number) => ({ row, number })).filter(({ row, number }) => {
    const text = `${row.label} ${row.backbone} ${row.checkpoint} ${marksOf(family, number)}`;
    const words = family.words.toLowerCase().split(/\s+/);
    return !family.hidden.has(number) && words.every((word) => text.toLowerCase().includes(word));
  });
const marksOf = (family, number) =>
  family.cells.filter((cell) => cell.row === number).map((cell) => cell.marks).join('');

function start() {
  const tabs = document.getElementById('tabs');
  FAMILIES.forEach((family, number) => {
    const button = el('button', {
      role: 'tab', id: `tab-${number}`, 'aria-controls': `family-${number}`, type: 'button',
      click: () => show(number), keydown: (event) => step(event, number),
    }, family.name);
    tabs.append(button);
    family.node.setAttribute('role', 'tabpanel');
    family.node.setAttribute('aria-labelledby', `tab-${number}`);
    prepareTable(family);
  });
  tabs.hidden = FAMILIES.length < 2;
  const wanted = FAMILIES.findIndex((family) => `#${family.id}` === decodeURIComponent(location.hash));
  if (FAMILIES.length) show(Math.max(wanted, 0), false);
  let width = innerWidth;
  addEventListener('resize', () => {
    // a phone changes the height as its bars come and go; only the width counts
    if (innerWidth !== width) draw(FAMILIES[current]);
    width = innerWidth;
  });
  prepareDrawer();
}

/** Show one family; `remember` puts it into the address, so that it can be linked to. */
function show(number, remember = true) {
  current = number;
  FAMILIES.forEach((family, k) => {
    const tab = document.getElementById(`tab-${k}`);
    tab.setAttribute('aria-selected', String(k === number));
    tab.tabIndex = k === number ? 0 : -1;
    family.node.hidden = k !== number;
  });
  if (remember) history.replaceState(null, '', `#${encodeURIComponent(FAMILIES[number].id)}`);
  draw(FAMILIES[number]);
}

/** Arrow keys, Home and End move between tabs. */
function step(event, number) {
  const last = FAMILIES.length - 1;
  const moves = {
    ArrowRight: number === last ? 0 : number + 1,
    ArrowLeft: number === 0 ? last : number - 1,
    Home: 0,
    End: last,
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  show(moves[event.key]);
  document.getElementById(`tab-${moves[event.key]}`).focus();
}

function prepareTable(family) {
  for (const head of family.node.querySelectorAll('th[data-sort]')) {
    const children = [...head.childNodes];
    const button = el('button', { type: 'button', click: () => sortBy(family, head) });
    button.append(...children, el('span', { class: 'arrow', 'aria-hidden': 'true' }));
    head.replaceChildren(button);
    head.setAttribute('aria-sort', 'none');
  }
  for (const place of family.node.querySelectorAll('td[data-cell]')) {
    const number = Number(place.parentNode.dataset.row);
    const cell = cellOf(family, number, Number(place.dataset.cell));
    if (!cell.runs.length) continue;
    const name = `${family.rows[number].name}, ${headingOf(family, cell.column)}`;
    const button = el('button', {
      type: 'button', class: 'cell', 'aria-label': `${place.textContent}: runs of ${name}`,
      click: () => openCell(family, cell),
    });
    button.append(...place.childNodes);
    place.replaceChildren(button);
  }
  family.node.querySelector('.controls').replaceChildren(...controls(family));
  family.node.querySelector('.controls').hidden = false;
}

/** Protocol and column in words. */
function headingOf(family, column) {
  const { group, name } = family.columns[column];
  return `${family.groups[group].heading} ${name}`;
}

function controls(family) {
  const search = el('input', {
    type: 'search', autocomplete: 'off', spellcheck: 'false',
    input: () => { family.words = search.value; draw(family); },
  });
  const groups = [['', 'all'], ...family.groups.map((group, k) => [String(k), group.heading])];
  return [
    el('label', { class: 'choice' }, el('span', {}, 'Filter'), search),
    family.groups.length > 1
      ? choice('Protocol', groups, '', (value) => showGroup(family, value)) : null,
    el('details', { class: 'methods' },
      el('summary', {}, `Methods`),
      el('div', { class: 'box' },
        el('div', {}, tickAll(family, true), tickAll(family, false)),
        family.rows.map((row, number) => tick(family, row, number)))),
    el('span', { class: 'count', 'aria-live': 'polite' }),
  ].filter(Boolean);
}

function tick(family, row, number) {
  const box = el('input', {
    type: 'checkbox', checked: true,
    change: () => {
      family.hidden[box.checked ? 'delete' : 'add'](number);
      draw(family);
    },
  });
  return el('label', {}, box, ` ${row.name}`);
}

function tickAll(family, on) {
  const set = () => {
    for (const box of family.node.querySelectorAll('.methods input')) box.checked = on;
    family.hidden = new Set(on ? [] : family.rows.keys());
    draw(family);
  };
  return el('button', { type: 'button', click: set }, on ? 'All' : 'None');
}

function showGroup(family, value) {
  family.chosen.group = value;
  for (const node of family.node.querySelectorAll('[data-group]')) {
    node.hidden = value !== '' && node.dataset.group !== value;
  }
  draw(family);
}

/** Groups that are shown: all, or the one that was chosen. */
const shownGroups = (family) =>
  family.groups.map((group, number) => ({ group, number }))
    .filter(({ number }) => !family.chosen.group || String(number) === family.chosen.group);

/** What a row is sorted by. */
function sortKey(family, number, by) {
  if (by === 'name') return family.rows[number].name;
  if (by in DATA.costs) return family.rows[number].cost[by] ?? null;
  const cell = cellOf(family, number, Number(by));
  return cell ? cell.value : null;
}

/** Best first, then the other way round, then as in the file; empty cells stay last. */
function sortBy(family, head) {
  const by = head.dataset.sort;
  const column = family.columns[Number(by)];
  const first = by === 'name' || by in DATA.costs || column?.lower ? 'ascending' : 'descending';
  const second = first === 'ascending' ? 'descending' : 'ascending';
  const before = head.getAttribute('aria-sort');
  const now = before === first ? second : before === second ? 'none' : first;
  for (const other of family.node.querySelectorAll('th[data-sort]')) {
    other.setAttribute('aria-sort', other === head ? now : 'none');
  }
  const body = family.node.querySelector('tbody');
  const sign = now === 'descending' ? -1 : 1;
  const rows = [...body.rows].sort((a, b) => {
    const [m, n] = [Number(a.dataset.row), Number(b.dataset.row)];
    const [x, y] = now === 'none' ? [m, n] : [sortKey(family, m, by), sortKey(family, n, by)];
    if (x === null || y === null) return (x === null) - (y === null) || m - n;
    const order = typeof x === 'string' ? x.localeCompare(y, 'en') : x - y;
    return (now === 'none' ? order : sign * order) || m - n;
  });
  body.append(...rows);
}

/** Everything that depends on what is chosen. */
function draw(family) {
  const shown = visible(family);
  const numbers = new Set(shown.map(({ number }) => number));
  for (const row of family.node.querySelectorAll('tbody tr')) {
    row.hidden = !numbers.has(Number(row.dataset.row));
  }
  family.node.querySelector('.count').textContent =
    `${shown.length} of ${plural(family.rows.length, 'row')}`;
  family.sections ??= prepareSections(family);
  const measured = shown.filter(({ row }) => row.runs.length);
  for (const section of family.sections) section.update(measured);
}
