// The tab of the published benchmarks: which one, filter, sorting.

function preparePublished(tab) {
  const parts = [...tab.node.querySelectorAll('[data-benchmark]')];
  const names = parts.map((part) => part.dataset.benchmark);
  const search = el('input', {
    type: 'search', autocomplete: 'off', spellcheck: 'false',
    input: () => { tab.words = search.value; drawPublished(tab); writeAddress(); },
  });
  const select = choice('Benchmark', [['', 'all'], ...names.map((name) => [name, name])], '', (value) => {
    tab.benchmark = value;
    drawPublished(tab);
    writeAddress();
  });
  const controls = tab.node.querySelector('.controls');
  controls.replaceChildren(select, el('label', { class: 'choice' }, el('span', {}, 'Filter'), search),
    allColumns(tab), el('span', { class: 'count', 'aria-live': 'polite' }));
  controls.hidden = false;
  for (const part of parts) {
    [...part.querySelectorAll('tbody tr')].forEach((row, k) => { row.dataset.row = k; });
    sortable(part, (head) => sortPublished(part, head));
    markSort(part, part.querySelector('th[data-sort="0"]'), wayOf(part.querySelector('th[data-sort="0"]')));
  }
}

const wayOf = (head) =>
  head.dataset.sort === 'name' || 'lower' in head.dataset ? 'ascending' : 'descending';

function markSort(part, head, way) {
  for (const other of part.querySelectorAll('th[data-sort]')) {
    other.setAttribute('aria-sort', other === head ? way : 'none');
  }
}

function sortPublished(part, head) {
  const best = wayOf(head), other = best === 'ascending' ? 'descending' : 'ascending';
  const way = head.getAttribute('aria-sort') === best ? other : best;
  markSort(part, head, way);
  const key = (row) => {
    if (head.dataset.sort === 'name') return row.querySelector('.method').textContent;
    const value = row.cells[1 + Number(head.dataset.sort)].dataset.value;
    return value === undefined ? null : Number(value);
  };
  const body = part.querySelector('tbody');
  body.append(...[...body.rows].sort((a, b) =>
    compared(key(a), key(b), way) || Number(a.dataset.row) - Number(b.dataset.row)));
}

function drawPublished(tab) {
  const words = tab.words.toLowerCase().split(/\s+/);
  let shown = 0, all = 0;
  for (const part of tab.node.querySelectorAll('[data-benchmark]')) {
    const chosen = !tab.benchmark || part.dataset.benchmark === tab.benchmark;
    let here = 0;
    for (const row of part.querySelectorAll('tbody tr')) {
      const text = `${part.dataset.benchmark} ${row.dataset.words}`.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      here += !row.hidden;
      all += 1;
    }
    part.hidden = !chosen || !here;
    shown += chosen ? here : 0;
  }
  tab.node.querySelector('.count').textContent = `${shown} of ${plural(all, 'row')}`;
}

/** What the address says of this tab. */
function choosePublished(tab, said) {
  const select = tab.node.querySelector('.controls select');
  const names = [...select.options].map((option) => option.value);
  tab.benchmark = names.includes(said['?benchmark']?.[0]) ? said['?benchmark'][0] : '';
  tab.words = said['?filter']?.join('/') ?? '';
  select.value = tab.benchmark;
  tab.node.querySelector('input[type=search]').value = tab.words;
}
