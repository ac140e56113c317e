// What the address after # says: a tab, then what is chosen in it. #b2n&sort=b2n-shapes/HM/down&filter=vifi
// &protocol=b2n-shapes&cell=vifi/b2n-shapes/HM, #published&benchmark=zs-ucf101, or #run=b7ba00df alone.

const joined = (...parts) => parts.map(encodeURIComponent).join('/');
/** The parts of a value, or null where they are not well written. */
function parted(text) {
  try {
    return text.split('/').map(decodeURIComponent);
  } catch {
    return null;
  }
}

let opened = null; // what the drawer shows: {cell: ...} or {run: ...}

/** The address of what is shown now. */
function addressOf(tab, shown = opened) {
  if (shown && 'run' in shown) return `#run=${encodeURIComponent(shown.run)}`;
  const pairs = tab === PUBLISHED
    ? [['benchmark', tab.benchmark && joined(tab.benchmark)], ['filter', tab.words && joined(tab.words)]]
    : [
      ['sort', sortWords(tab)],
      ['filter', tab.words && joined(tab.words)],
      ['protocol', tab.chosen.group && joined(tab.groups[Number(tab.chosen.group)].heading)],
      ['cell', shown && 'cell' in shown ? cellWords(tab, shown.cell) : ''],
    ];
  return ['#' + encodeURIComponent(tab.id),
    ...pairs.filter(([, value]) => value).map(([key, value]) => `${key}=${value}`)].join('&');
}

function sortWords(family) {
  const { by, way } = family.sort, usual = defaultSort(family);
  if (by === usual.by && way === usual.way) return '';
  const direction = way === 'descending' ? 'down' : 'up';
  return /^\d+$/.test(by) ? joined(...columnWords(family, Number(by)), direction) : joined(by, direction);
}
const columnWords = (family, column) =>
  [family.groups[family.columns[column].group].heading, family.columns[column].name];
const cellWords = (family, cell) =>
  joined(family.rows[cell.row].name, ...columnWords(family, cell.column));

const writeAddress = () => history.replaceState(null, '', addressOf(TABS[current]));

/** Tab -> its name; key -> parts of its value; what cannot be read is left out. */
function readAddress() {
  const said = { tab: '' };
  for (const word of location.hash.slice(1).split('&')) {
    const [key, ...rest] = word.split('=');
    const parts = parted(rest.length ? rest.join('=') : key);
    if (parts) said[rest.length ? `?${key}` : 'tab'] = rest.length ? parts : parts.join('/');
  }
  return said;
}

/** Shows what the address says; of what nobody knows, nothing. */
function restore() {
  const said = readAddress();
  const run = said['?run'] ? runOf(said['?run'][0]) : null;
  const number = run ? tabOfRun(run) : TABS.findIndex((tab) => tab.id === said.tab);
  if (number < 0) {
    if (run) openRun(run);
    return;
  }
  const drawer = document.getElementById('drawer');
  if (drawer.open) drawer.close();
  const tab = TABS[number];
  if (tab === PUBLISHED) choosePublished(tab, said);
  else if (!run) chooseIn(tab, said);
  show(number, false);
  if (run) openRun(run);
  else if (said['?cell'] && tab !== PUBLISHED) openNamed(tab, said['?cell']);
}

function chooseIn(family, said) {
  family.sort = sortOf(family, said['?sort']) ?? defaultSort(family);
  family.words = said['?filter']?.join('/') ?? '';
  const group = family.groups.findIndex(({ heading }) => heading === said['?protocol']?.[0]);
  family.node.querySelector('input[type=search]').value = family.words;
  const select = family.node.querySelector('.controls select');
  if (select) select.value = group < 0 ? '' : String(group);
  applySort(family);
  showGroup(family, group < 0 || !select ? '' : String(group));
}

function sortOf(family, parts) {
  const way = { up: 'ascending', down: 'descending' }[parts?.at(-1)];
  if (!way) return null;
  const by = parts.length === 2 ? parts[0] : String(columnOf(family, parts[0], parts[1]));
  const real = parts.length === 2 ? by === 'name' || Object.hasOwn(DATA.costs, by) : parts.length === 3 && by !== '-1';
  return real ? { by, way } : null;
}

const columnOf = (family, heading, name) => family.columns.findIndex((column) =>
  column.name === name && family.groups[column.group].heading === heading);

function openNamed(family, [row, heading, name]) {
  const column = columnOf(family, heading, name);
  const place = family.rows.findIndex((one) => one.name === row);
  const cell = cellOf(family, place, column);
  if (cell && cell.runs.length) openCell(family, cell);
}

/** The run with this id, or the only one whose id starts so. */
function runOf(start) {
  if (Object.hasOwn(DATA.runs, start)) return start;
  const ids = /^[0-9a-f]{4,}$/.test(start) ? Object.keys(DATA.runs).filter((id) => id.startsWith(start)) : [];
  return ids.length === 1 ? ids[0] : null;
}
const tabOfRun = (id) =>
  FAMILIES.findIndex((family) => family.id === DATA.runs[id].identity.protocol.family);
