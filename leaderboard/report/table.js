// The table of a family: sorting, filtering, what is ticked.

/** Makes the headings of a table buttons that call `press` with their heading. */
function sortable(node, press) {
  for (const head of node.querySelectorAll('th[data-sort]')) {
    const button = el('button', { type: 'button', click: () => press(head) });
    button.append(...head.childNodes, el('span', { class: 'arrow', 'aria-hidden': 'true' }));
    head.replaceChildren(button);
    head.setAttribute('aria-sort', 'none');
  }
}

function prepareTable(family) {
  sortable(family.node, (head) => press(family, head.dataset.sort));
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
  applySort(family);
}

/** A phone shows the name and the headline; this shows all columns there. */
function allColumns(tab) {
  const button = el('button', {
    type: 'button', class: 'phone', 'aria-pressed': 'false', click: () => {
      button.setAttribute('aria-pressed', String(tab.node.classList.toggle('wide')));
    },
  }, 'All columns');
  return button;
}

/** Protocol and column in words. */
function headingOf(family, column) {
  const { group, name } = family.columns[column];
  return `${family.groups[group].heading} ${name}`;
}

function controls(family) {
  const search = el('input', {
    type: 'search', autocomplete: 'off', spellcheck: 'false',
    input: () => { family.words = search.value; drawFamily(family); writeAddress(); },
  });
  const groups = [['', 'all'], ...family.groups.map((group, k) => [String(k), group.heading])];
  return [
    el('label', { class: 'choice' }, el('span', {}, 'Filter'), search),
    family.groups.length > 1 ? choice('Protocol', groups, '', (value) => {
      showGroup(family, value);
      writeAddress();
    }) : null,
    el('details', { class: 'methods' },
      el('summary', {}, `Methods`),
      el('div', { class: 'box' },
        el('div', {}, tickAll(family, true), tickAll(family, false)),
        family.rows.map((row, number) => tick(family, row, number)))),
    allColumns(family),
    el('span', { class: 'count', 'aria-live': 'polite' }),
  ].filter(Boolean);
}

function tick(family, row, number) {
  const box = el('input', {
    type: 'checkbox', checked: true,
    change: () => {
      family.hidden[box.checked ? 'delete' : 'add'](number);
      drawFamily(family);
    },
  });
  return el('label', {}, box, ` ${row.name}`);
}

function tickAll(family, on) {
  const set = () => {
    for (const box of family.node.querySelectorAll('.methods input')) box.checked = on;
    family.hidden = new Set(on ? [] : family.rows.keys());
    drawFamily(family);
  };
  return el('button', { type: 'button', click: set }, on ? 'All' : 'None');
}

/** Only the columns of one group, or all; a phone shows the headline of that one, or of the first. */
function showGroup(family, value) {
  family.chosen.group = value;
  const now = value === '' ? String(family.lead_group) : value;
  for (const node of family.node.querySelectorAll('.board [data-group]')) {
    node.hidden = value !== '' && node.dataset.group !== value;
    node.toggleAttribute('data-now', node.dataset.group === now);
  }
  drawFamily(family);
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

/** Which way is best first: names from a, costs and ranks from the lowest, other values from the highest. */
function bestFirst(family, by) {
  return by === 'name' || by in DATA.costs || family.columns[Number(by)].lower ? 'ascending' : 'descending';
}

/** By the headline, the best first, as the rows stand in the file. */
function defaultSort(family) {
  const by = String(family.lead);
  return family.columns.length ? { by, way: bestFirst(family, by) } : { by: 'name', way: 'ascending' };
}

/** Best first, then the other way round, then as in the file. */
function press(family, by) {
  const first = bestFirst(family, by), second = first === 'ascending' ? 'descending' : 'ascending';
  const before = family.sort.by === by ? family.sort.way : '';
  family.sort = before === first ? { by, way: second }
    : before === second ? defaultSort(family) : { by, way: first };
  applySort(family);
  writeAddress();
}

/** Puts the rows in order; empty cells stay last. */
function applySort(family) {
  const { by, way } = family.sort, usual = defaultSort(family);
  for (const head of family.node.querySelectorAll('th[data-sort]')) {
    head.setAttribute('aria-sort', head.dataset.sort === by ? way : 'none');
  }
  const body = family.node.querySelector('tbody');
  const asInFile = by === usual.by && way === usual.way;
  const rows = [...body.rows].sort((a, b) => {
    const [m, n] = [Number(a.dataset.row), Number(b.dataset.row)];
    return asInFile ? m - n : compared(sortKey(family, m, by), sortKey(family, n, by), way) || m - n;
  });
  body.append(...rows);
  drawRanks(family);
}

/** The order of two keys; what is missing comes last. */
function compared(x, y, way) {
  if (x === null || y === null) return (x === null) - (y === null);
  const order = typeof x === 'string' ? x.localeCompare(y, 'en') : x - y;
  return way === 'descending' ? -order : order;
}

/** The rank column: ranks in the column that is sorted by, else in the headline. */
function drawRanks(family) {
  const column = /^\d+$/.test(family.sort.by) ? Number(family.sort.by) : family.lead;
  for (const row of family.node.querySelectorAll('.board tbody tr')) {
    const ends = cellOf(family, Number(row.dataset.row), column)?.rank ?? [null, null];
    row.cells[0].textContent = ends[0] === null ? '–' : [...new Set(ends)].join('–');
  }
}

function drawFamily(family) {
  const shown = visible(family);
  const numbers = new Set(shown.map(({ number }) => number));
  for (const row of family.node.querySelectorAll('.board tbody tr')) {
    row.hidden = !numbers.has(Number(row.dataset.row));
  }
  family.node.querySelector('.count').textContent =
    `${shown.length} of ${plural(family.rows.length, 'row')}`;
  family.sections ??= prepareSections(family);
  const measured = shown.filter(({ row }) => row.runs.length);
  for (const section of family.sections) section.update(measured);
}
