// Runs of a family, and the drawer that shows cells and records.

function runList(family) {
  const used = new Set(family.rows.flatMap((row) => row.runs));
  const ids = Object.keys(DATA.runs).filter((id) => DATA.runs[id].identity.protocol.family === family.id);
  const key = (id) => {
    const { protocol, method } = DATA.runs[id].identity;
    return `${protocol.id} ${protocol.variant.padStart(6)} ${method.name} ${seedOf(DATA.runs[id])} ${id}`;
  };
  ids.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return section(family, 'Runs', 'Every run of this family, with its whole record.', [], (body) => {
    const head = ['run', 'protocol', 'method', 'seed', 'result'];
    const rows = ids.map((id) => {
      const record = DATA.runs[id], { protocol, method } = record.identity;
      return el('tr', {}, el('td', {}, runButton(id)),
        el('td', {}, protocol.variant === 'main' ? protocol.id : `${protocol.id} ${protocol.variant}`),
        el('td', {}, method.name), el('td', {}, String(seedOf(record) ?? '')),
        el('td', {}, resultOf(record), used.has(id) ? '' : ' (not in the table)'));
    });
    const table = el('table', { class: 'pairs' },
      el('thead', {}, el('tr', {}, head.map((text) => el('th', { scope: 'col' }, text)))),
      el('tbody', {}, rows));
    body.append(el('details', {}, el('summary', {}, plural(ids.length, 'run')),
      el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Runs' }, table)));
    return '';
  });
}

function resultOf(record) {
  if (record.status !== 'done') return record.status;
  const metric = record.metrics.find((m) => m.name === record.primary && m.split === null) ??
    record.metrics.find((m) => m.name === record.primary);
  return metric ? `${metric.name} ${fixed(metric.value)}${metric.unit === '%' ? ' %' : ''}` : record.status;
}

function prepareDrawer() {
  const drawer = document.getElementById('drawer');
  // a click on the dark ground around it closes it, as Escape does
  drawer.addEventListener('click', (event) => { if (event.target === drawer) drawer.close(); });
  drawer.addEventListener('close', () => { opened = null; writeAddress(); });
}

/** `what` is {cell} or {run}: what the address names while the drawer is open. */
function openDrawer(what, title, ...content) {
  const drawer = document.getElementById('drawer');
  opened = what;
  writeAddress();
  drawer.replaceChildren(el('div', { class: 'sheet' },
    el('header', {}, el('h2', { id: 'drawer-title' }, title),
      el('button', { type: 'button', 'aria-label': 'Close', click: () => drawer.close() }, '×'),
      el('a', { href: addressOf(TABS[current]), title: 'The address of what is shown here' }, 'link')),
    ...content));
  if (!drawer.open) drawer.showModal();
  drawer.scrollTop = 0;
}

function openCell(family, cell) {
  const column = family.columns[cell.column];
  const facts = [
    ['value', `${fixed(cell.value, 2)} ${column.unit}`],
    ['interval', cell.low === null ? null
      : `${fixed(cell.low, 2)} to ${fixed(cell.high, 2)} (${cell.how}, ${100 * cell.level} %)`],
    ['of two seeds', cell.pair.length ? cell.pair.map((value) => fixed(value, 2)).join(', ') : null],
    ['standard deviation over splits', cell.std === null ? null : fixed(cell.std, 2)],
    ['rank', cell.rank[0] === null ? null : [...new Set(cell.rank)].join(' to ')],
    ['best', { alone: 'yes, alone', tied: 'not separable from the best' }[cell.best] ?? null],
    ['reported', cell.reported === null ? null : `${cell.reported}${cell.source ? ` (${cell.source})` : ''}`],
    ['difference to reported', cell.difference === null ? null : signed(cell.difference)],
    ['verdict', cell.verdict],
    ...[...cell.marks].map((mark) => [mark, DATA.marks[mark] ?? '']),
    ...AXES.filter((name) => name in cell.cost).map((name) => [DATA.costs[name], short(cell.cost[name])]),
  ];
  openDrawer({ cell }, `${family.rows[cell.row].name}, ${headingOf(family, cell.column)}`, factList(facts),
    el('h3', {}, plural(cell.runs.length, 'run')),
    ...cell.runs.map((id, k) => runDetails(id, k === 0)));
}

const openRun = (id) => openDrawer({ run: id }, `Run ${id}`, runDetails(id, true));

function factList(facts) {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return el('dl', {}, known.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, String(value))]));
}

function runDetails(id, open) {
  const record = DATA.runs[id], seed = seedOf(record);
  const blocks = ['identity', 'data', 'exposure', 'cost', 'observed', 'environment', 'load_report', 'error'];
  return el('details', { class: 'run', open },
    el('summary', {}, `${id}${seed === null ? '' : ` · seed ${seed}`} · ${resultOf(record)}`),
    el('p', {}, `${record.status}${record.limited ? ', on a part of the data' : ''}, started ` +
      `${record.created_utc}${record.finished_utc ? `, finished ${record.finished_utc}` : ''}`),
    el('pre', { tabindex: 0 }, record.command.argv.join(' ')),
    metricTable(record),
    ...blocks.filter((name) => record[name]).map((name) => el('details', {},
      el('summary', {}, name.replace('_', ' ')), factList(flat(record[name])))),
    el('details', {}, el('summary', {}, 'configuration'),
      factList(flat(record.command.config_resolved).map(([key, value]) =>
        [key, `${value}${source(record, key)}`]))),
    el('details', {}, el('summary', {}, 'record as JSON'),
      el('pre', { tabindex: 0 }, JSON.stringify(record, null, 1))));
}

const source = (record, key) => {
  const from = record.command.config_sources[key];
  return from ? ` (${from})` : '';
};

function metricTable(record) {
  if (!record.metrics.length) return '';
  const rows = record.metrics.map((m) => el('tr', {}, el('td', {}, m.name), el('td', {}, m.split ?? 'all'),
    el('td', {}, fixed(m.value, 2)), el('td', {}, m.unit),
    el('td', {}, m.ci_low === null ? '' : `${fixed(m.ci_low)} to ${fixed(m.ci_high)} (${m.ci_method})`),
    el('td', {}, String(m.n ?? ''))));
  const head = ['metric', 'split', 'value', 'unit', 'interval', 'n'];
  return el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Metrics' },
    el('table', { class: 'pairs' },
      el('thead', {}, el('tr', {}, head.map((text) => el('th', { scope: 'col' }, text)))),
      el('tbody', {}, rows)));
}

/** A nested value as [dotted key, text]; short lists stay on one line. */
function flat(value, path = '') {
  const nested = value !== null && typeof value === 'object';
  const plain = Array.isArray(value) && value.every((item) => item === null || typeof item !== 'object');
  if (!nested || plain) return [[path, nested ? value.join(', ') || '(none)' : String(value)]];
  const entries = Object.entries(value);
  if (!entries.length) return [[path, '(none)']];
  return entries.flatMap(([key, item]) => flat(item, path ? `${path}.${key}` : key));
}
