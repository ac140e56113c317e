// Tabs, and what is chosen in them.

const DATA = expand(JSON.parse(document.getElementById('data').textContent));
const METHODS = [...new Set(DATA.families.flatMap((family) =>
  family.rows.filter((row) => row.runs.length).map((row) => row.label)))];
const FAMILIES = DATA.families.map((family, number) => ({
  ...family,
  node: document.getElementById(`family-${number}`),
  hidden: new Set(),
  words: '',
  chosen: { group: '' },
  sort: defaultSort(family),
  cellOf: new Map(family.cells.map((cell) => [`${cell.row}/${cell.column}`, cell])),
}));
const PUBLISHED = document.getElementById('published') && {
  id: 'published', name: 'Published benchmarks', node: document.getElementById('published'), words: '', benchmark: '',
};
const TABS = PUBLISHED ? [...FAMILIES, PUBLISHED] : FAMILIES;
let current = 0;

/** Place of a row's method among all, settings apart: its colour is the same in every plot. */
const colour = (row) => METHODS.indexOf(row.label);
const cellOf = (family, row, column) => family.cellOf.get(`${row}/${column}`);
/** Rows that are not unticked and hold the words of the filter. */
const visible = (family) =>
  family.rows.map((row, number) => ({ row, number })).filter(({ row, number }) => {
    const text = `${row.name} ${marksOf(family, number)}`;
    const words = family.words.toLowerCase().split(/\s+/);
    return !family.hidden.has(number) && words.every((word) => text.toLowerCase().includes(word));
  });
const marksOf = (family, number) =>
  family.cells.filter((cell) => cell.row === number).map((cell) => cell.marks).join('');

function start() {
  const tabs = document.getElementById('tabs');
  TABS.forEach((tab, number) => {
    const button = el('button', {
      role: 'tab', id: `tab-${number}`, 'aria-controls': tab.node.id, type: 'button',
      click: () => show(number), keydown: (event) => step(event, number),
    }, tab.name);
    tabs.append(button);
    tab.node.setAttribute('role', 'tabpanel');
    tab.node.setAttribute('aria-labelledby', `tab-${number}`);
  });
  FAMILIES.forEach(prepareTable);
  if (PUBLISHED) preparePublished(PUBLISHED);
  tabs.hidden = TABS.length < 2;
  prepareDrawer();
  if (TABS.length) show(0, false);
  restore();
  addEventListener('hashchange', restore);
  let width = innerWidth;
  addEventListener('resize', () => {
    // a phone changes the height as its bars come and go; only the width counts
    if (innerWidth !== width) draw(TABS[current]);
    width = innerWidth;
  });
}

/** Show one tab; `remember` puts it into the address, so that it can be linked to. */
function show(number, remember = true) {
  current = number;
  TABS.forEach((tab, k) => {
    const button = document.getElementById(`tab-${k}`);
    button.setAttribute('aria-selected', String(k === number));
    button.tabIndex = k === number ? 0 : -1;
    tab.node.hidden = k !== number;
  });
  document.getElementById(`tab-${number}`).scrollIntoView({ block: 'nearest', inline: 'nearest' });
  draw(TABS[number]);
  if (remember) writeAddress();
}

/** Arrow keys, Home and End move between tabs. */
function step(event, number) {
  const last = TABS.length - 1;
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

/** Everything that depends on what is chosen. */
const draw = (tab) => (tab === PUBLISHED ? drawPublished(tab) : drawFamily(tab));
