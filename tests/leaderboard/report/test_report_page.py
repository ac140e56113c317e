"""The HTML report in headless Chromium: keyboard, phone, dark mode, no network, no errors."""

from pathlib import Path

import pytest
from browser import browser, missing
from report_runs import CLASSES, HOSTILE, class_run, matrix, noise, page_of
from six_families import standings_of_all
from vclipbench.leaderboard.report import build_report
from vclipbench.leaderboard.tables.grid import make_grid
from vclipbench.leaderboard.tables.shown import Standing
from vclipbench.leaderboard.tables.tables import leaderboard_table

REPORT = Path(__file__).parents[3] / "leaderboard" / "report"


@pytest.fixture(scope="module")
def window():
    if missing():
        pytest.skip(missing())
    with browser() as opened:
        yield opened


@pytest.fixture
def board(window, tmp_path, make_record):
    """The page of the small matrix, open on a desktop, in light colours."""
    runs = matrix(tmp_path / "runs", make_record, (HOSTILE, *CLASSES[1:]))
    path = tmp_path / "leaderboard.html"
    path.write_text(page_of(runs, frames=noise, captions=lambda *_: (HOSTILE, "two")), "utf-8")
    window.prefer(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
    window.size(1280, 900)
    window.open(path)
    yield window
    assert window.complaints() == []
    assert window.requests() == [path.as_uri()]


FOCUS = "return document.activeElement.innerText.trim()"
METHODS = """return [...document.querySelectorAll('.family:not([hidden]) tbody tr:not([hidden])')]
  .filter(row => row.closest('.board')).map(row => row.querySelector('.method').innerText)"""
OVERFLOW = "return document.documentElement.scrollWidth - innerWidth"


def test_tabs_move_by_arrow_keys(board):
    assert board.text("[role=tab][aria-selected=true]") == "Zero-shot"
    board.run("document.querySelector('[role=tab]').focus()")
    board.press("Right")
    assert board.run(FOCUS) == "Few-shot"
    assert board.text("[role=tab][aria-selected=true]") == "Few-shot"
    assert board.text(".family:not([hidden]) h2") == "Few-shot"
    board.press("End")
    assert board.run("return location.hash") == "#published"
    board.press("Left")
    assert board.run("return location.hash") == "#ret"
    board.press("Right", "Right")
    assert board.run(FOCUS) == "Zero-shot"
    assert board.run("return document.querySelectorAll('.family:not([hidden])').length") == 1


def test_columns_sort_by_keyboard(board):
    head = "document.querySelector('.family:not([hidden]) th[data-sort=\"1\"]')"
    before = board.run(METHODS)
    board.run(f"{head}.querySelector('button').focus()")
    values = """return [...document.querySelectorAll('.family:not([hidden]) .board tbody tr')]
      .map(row => parseFloat(row.cells[3].innerText)).filter(value => !isNaN(value))"""
    board.press("Enter")
    assert board.run(f"return {head}.getAttribute('aria-sort')") == "descending"
    assert board.run(values) == sorted(board.run(values), reverse=True)
    board.press("Space")
    assert board.run(f"return {head}.getAttribute('aria-sort')") == "ascending"
    assert board.run(values) == sorted(board.run(values))
    board.press("Enter")
    assert board.run(METHODS) == before
    assert board.run(f"return {head}.getAttribute('aria-sort')") == "none"
    lead = "return document.querySelector('.family:not([hidden]) [data-sort=\"0\"]').ariaSort"
    assert board.run(lead) == "descending"


def test_ranks_sort_with_the_lowest_first(board):
    board.run("document.getElementById('tab-2').click()")
    board.run("document.querySelector('.family:not([hidden]) th[data-sort=\"1\"] button').click()")
    assert board.run(METHODS)[0] == "vifi"
    sort = "return document.querySelector('.family:not([hidden]) [data-sort=\"1\"]').ariaSort"
    assert board.run(sort) == "ascending"


def test_rows_are_filtered_by_text_and_by_ticks(board):
    board.run("document.querySelector('.family:not([hidden]) input[type=search]').focus()")
    board.press(*"VCLIP")
    assert board.run(METHODS) == ["open-vclip"]
    assert board.text(".family:not([hidden]) .count").startswith("1 of ")
    names = "return [...document.querySelectorAll('.plot .line .name')].map(n => n.textContent)"
    assert "vifi" not in board.run(names)
    board.run(
        "const s = document.querySelector('input[type=search]'); s.value = '';"
        "s.dispatchEvent(new Event('input'))"
    )
    assert "vifi" in board.run(METHODS)
    board.run(
        "[...document.querySelectorAll('.family:not([hidden]) .methods label')]"
        ".find(label => label.innerText.trim() === 'vifi' || label.textContent.trim() === 'vifi')"
        ".querySelector('input').click()"
    )
    assert "vifi" not in board.run(METHODS)
    assert "open-vclip" in board.run(METHODS)


def test_the_drawer_shows_a_run_and_gives_the_focus_back(board):
    cell = "document.querySelector('.family:not([hidden]) button.cell')"
    board.run(f"{cell}.focus()")
    board.press("Enter")
    assert board.run("return document.getElementById('drawer').open")
    assert board.text("#drawer-title") == "open-vclip, zs-shapes mean ± std over splits"
    shown = board.run("return document.getElementById('drawer').textContent")
    assert board.run("return document.activeElement.ariaLabel") == "Close"
    for word in ("identity", "environment", "cost", "bench run", "wilson", "record as JSON"):
        assert word in shown
    for _ in range(12):  # the focus stays within
        board.press("Tab")
    assert board.run(
        "return document.activeElement === document.body"
        " || document.getElementById('drawer').contains(document.activeElement)"
    )
    board.press("Escape")
    assert not board.run("return document.getElementById('drawer').open")
    assert board.run(f"return document.activeElement === {cell}")


def test_every_run_is_a_click_away(board):
    page = """return [...document.querySelectorAll('.family:not([hidden]) .part')]
      .find(part => part.querySelector('h3').innerText === 'Runs')"""
    assert board.run(f"{page}.querySelector('summary').textContent") == "5 runs"
    for number in range(5):
        board.run(f"{page}.querySelectorAll('button.link')[{number}].click()")
        assert board.text("#drawer-title").startswith("Run ")
        board.press("Escape")


def test_the_difference_of_two_methods(board):
    """Class by class, of the two that are chosen, with the largest gain on top."""
    part = """[...document.querySelectorAll('.family:not([hidden]) .part')]
      .find(part => part.querySelector('h3').innerText === 'Class by class')"""
    choose = (
        f"const selects = {part}.querySelectorAll('select');"
        "const set = (s, name) => {"
        " s.value = [...s.options].find(o => o.text === name).value;"
        " s.dispatchEvent(new Event('change')) };"
        "set(selects[1], arguments[0]); set(selects[2], arguments[1])"
    )
    numbers = f"return [...{part}.querySelectorAll('.number')].map(n => n.textContent)"
    board.run(choose, "vifi", "clip")
    one = [float(text.replace("−", "-").replace("±", "")) for text in board.run(numbers)]
    assert len(one) == len(CLASSES)
    assert one == sorted(one, reverse=True)
    board.run(choose, "clip", "vifi")
    other = [float(text.replace("−", "-").replace("±", "")) for text in board.run(numbers)]
    assert other == pytest.approx([-value for value in reversed(one)])
    assert any(one)
    board.run(choose, "clip", "clip")
    assert set(board.run(numbers)) == {"±0.0"}


def test_hostile_names_are_shown_as_they_are(board):
    for number in range(3):
        board.run(f"document.getElementById('tab-{number}').click()")
        assert board.run("return document.getElementById('hostile')") is None
        shown = board.run("return document.querySelector('.family:not([hidden])').textContent")
        assert HOSTILE in shown


def test_plots_of_every_kind_are_drawn(board):
    kinds = {0: ("line", "mark", "bar", "dots"), 1: ("curve", "area"), 2: ("line", "bar")}
    for number, names in kinds.items():
        board.run(f"document.getElementById('tab-{number}').click()")
        maps = "document.querySelector('.family:not([hidden]) details.part:last-child')"
        if board.run(f"return {maps} !== null"):  # closed until somebody wants them
            assert (
                board.run(f"return {maps}.querySelector('h3').textContent") == "Maps of the videos"
            )
            assert board.run(f"return {maps}.open || {maps}.querySelectorAll('.dots').length") == 0
            board.run(f"{maps}.open = true; {maps}.dispatchEvent(new Event('toggle'))")
        for name in names:
            found = f"return document.querySelectorAll('.family:not([hidden]) svg .{name}').length"
            assert board.run(found) > 0, name
        pictures = (
            "return [...document.querySelectorAll('.family:not([hidden]) .clips img')]"
            ".map(i => { i.loading = 'eager'; return i.complete && i.naturalWidth > 0 })"
        )
        board.run(pictures)
        assert all(board.run(pictures)), number
        assert board.run(pictures)
        drawn = "return [...document.querySelectorAll('svg')].map(s => s.outerHTML).join('')"
        assert "NaN" not in board.run(drawn)


# the left of the name and the right of the headline of every row, and the text of the headline
HEADLINES = """return [...document.querySelectorAll('.family:not([hidden]) .board tbody tr')]
  .map(row => [row.querySelector('.method'),
               [...row.querySelectorAll('td[data-lead]')].find(cell => cell.offsetWidth)])
  .filter(([, cell]) => cell && cell.textContent)
  .map(([name, cell]) => [name.getBoundingClientRect().left, cell.getBoundingClientRect().right,
                          name.innerText && cell.innerText])"""


def test_a_phone_needs_no_sideways_scrolling(board):
    board.size(390, 844)
    board.run("dispatchEvent(new Event('resize'))")
    for number in range(4):
        board.run(f"document.getElementById('tab-{number}').click()")
        assert board.run(OVERFLOW) <= 0
        assert board.run("return document.scrollingElement.scrollWidth") <= 390
        rows = board.run(HEADLINES)
        assert rows
        assert all(left >= 0 and right <= 390 and text for left, right, text in rows), number
        if number == 3:
            continue
        ids = "[...document.querySelectorAll('.family:not([hidden]) .id')]"
        lines = f"return {ids}.map(id => id.getClientRects().length)"
        assert set(board.run(lines)) == {1}  # names of methods never break
        board.run("document.querySelector('.family:not([hidden]) button.cell').click()")
        inside = "const d = document.getElementById('drawer'); return d.scrollWidth - d.clientWidth"
        assert board.run(inside) <= 0
        board.press("Escape")


# the smallest contrast of all text that is shown, as WCAG 2 defines it, and what has it
CONTRAST = """
const part = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
const ground = (node) => {
  for (let n = node; n; n = n.parentElement) {
    const c = rgb(getComputedStyle(n).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  }
  return rgb(getComputedStyle(document.documentElement).getPropertyValue('background-color'));
};
let worst = [99, ''];
for (const node of document.querySelectorAll('body *')) {
  const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const within = node.closest('svg');
  if (!own || !node.getClientRects().length || node.tagName === 'SCRIPT') continue;
  const style = getComputedStyle(node);
  const [a, b] = [light(rgb(within ? style.fill : style.color)), light(ground(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < worst[0]) worst = [ratio, node.tagName + ' ' + node.textContent.slice(0, 40)];
}
return worst;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(board, scheme):
    board.prefer(prefers_color_scheme=scheme)
    backgrounds = board.run("return getComputedStyle(document.body).backgroundColor")
    assert backgrounds == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 27)")
    for number in range(4):
        board.run(f"document.getElementById('tab-{number}').click()")
        ratio, text = board.run(CONTRAST)
        assert ratio >= 4.5, text


def test_who_wants_no_motion_gets_none(board):
    duration = "return getComputedStyle(document.querySelector('.series')).transitionDuration"
    assert board.run(duration) != "0s"
    board.prefer(prefers_reduced_motion="reduce")
    assert board.run(duration) == "0s"


SORTED = """return [...document.querySelectorAll('.family:not([hidden]) th[aria-sort]')]
  .filter(head => head.ariaSort !== 'none').map(head => [head.dataset.sort, head.ariaSort])"""
RANKS = """return [...document.querySelectorAll('.family:not([hidden]) .board tbody tr')]
  .map(row => row.cells[0].innerText)"""
HASH = "return location.hash"


def test_rows_are_sorted_by_the_headline_with_a_rank_column(board):
    assert board.run(METHODS)[:3] == ["open-vclip", "vifi", "clip"]
    assert board.run(SORTED) == [["0", "descending"]]
    assert board.text(".family:not([hidden]) thead th") == "rank"
    assert board.run(RANKS) == ["–"] * 4  # nobody computed ranks
    assert "Rows are sorted by zs-shapes mean" in board.text(".family:not([hidden]) .equal")


def test_the_rank_column_follows_the_sorting(window, tmp_path, make_record):
    runs = matrix(tmp_path / "runs", make_record)
    grid = make_grid(run.record for run in runs)
    standings = standings_of_all(grid, Standing)
    path = tmp_path / "leaderboard.html"
    table = leaderboard_table((), grid=grid, standings=standings)
    path.write_text(build_report(runs, table), "utf-8")
    window.open(path)
    ranks = window.run(RANKS)
    assert ranks[:3] == ["1", "2", "3"]
    head = "document.querySelector('.family:not([hidden]) th[data-sort=\"2\"] button')"
    window.run(f"{head}.click()")
    shown = window.run(RANKS)
    named = {
        (key[1], key[2].label): standing.text.replace("-", "–")
        for key, standing in standings.items()
        if key[0] == "zs-shapes"
    }
    assert shown[:3] == [named["zs2-val", method] for method in window.run(METHODS)[:3]]
    window.run("document.querySelector('.family:not([hidden]) th[data-sort=name] button').click()")
    assert sorted(window.run(RANKS)) == sorted(ranks)  # of the headline again


def test_the_address_keeps_tab_sorting_filter_and_protocol(board, tmp_path):
    board.run("document.querySelector('.family:not([hidden]) th[data-sort=\"1\"] button').click()")
    assert board.run(HASH) == "#zs&sort=zs-shapes/zs1-val/down"
    board.run("document.querySelector('.family:not([hidden]) input[type=search]').focus()")
    board.press(*"vi")
    address = board.run(HASH)
    assert address == "#zs&sort=zs-shapes/zs1-val/down&filter=vi"
    board.open(tmp_path / "leaderboard.html", address)
    assert board.run(SORTED) == [["1", "descending"]]
    assert board.run(METHODS) == ["vifi"]
    assert board.run("return document.querySelector('input[type=search]').value") == "vi"
    board.open(tmp_path / "leaderboard.html", "#fs&sort=trainable/up")
    assert board.text("[role=tab][aria-selected=true]") == "Few-shot"
    assert board.run(SORTED) == [["trainable", "ascending"]]
    board.run("location.hash = '#ret'")
    board.wait("return document.querySelector('[aria-selected=true]').innerText == 'Retrieval'")


def test_the_address_keeps_a_cell_and_a_run(board, tmp_path):
    board.run("document.querySelector('.family:not([hidden]) button.cell').click()")
    address = board.run(HASH)
    assert address == "#zs&cell=open-vclip/zs-shapes/mean%20%C2%B1%20std%20over%20splits"
    title = board.text("#drawer-title")
    link = "return document.querySelector('#drawer header a').hash"
    assert board.run(link) == address
    board.press("Escape")
    board.wait("return location.hash == '#zs'")
    board.open(tmp_path / "leaderboard.html", address)
    assert board.text("#drawer-title") == title
    run = board.run("return document.querySelector('#drawer .run summary').innerText.split(' ')[0]")
    board.open(tmp_path / "leaderboard.html", f"#run={run}")
    assert board.text("#drawer-title") == f"Run {run}"
    assert board.text("[role=tab][aria-selected=true]") == "Zero-shot"
    board.press("Escape")
    board.run(f"location.hash = '#run={run[:8]}'")
    board.wait("return document.getElementById('drawer').open")
    assert board.text("#drawer-title") == f"Run {run}"


def test_published_benchmarks_are_a_tab_of_their_own(board, tmp_path):
    board.open(tmp_path / "leaderboard.html", "#published&benchmark=zs-ucf101&filter=vifi")
    assert board.text(".family:not([hidden]) h2") == "Published benchmarks"
    shown = """return [...document.querySelectorAll('#published [data-benchmark]')]
      .filter(part => !part.hidden).map(part => part.dataset.benchmark)"""
    assert board.run(shown) == ["zs-ucf101"]
    rows = board.run(METHODS)
    assert rows
    values = """return [...document.querySelectorAll('#published [data-benchmark=zs-ucf101] tbody tr')]
      .map(row => Number(row.cells[1].dataset.value))"""
    assert board.run(values) == sorted(board.run(values), reverse=True)
    head = (
        "document.querySelector('#published [data-benchmark=zs-ucf101] th[data-sort=\"0\"] button')"
    )
    board.run(f"{head}.click()")
    assert board.run(values) == sorted(board.run(values))
    links = "return [...document.querySelectorAll('#published td a')].map(a => a.protocol)"
    assert set(board.run(links)) == {"https:"}


def test_a_phone_shows_all_columns_when_asked(board):
    board.size(390, 844)
    board.run("document.getElementById('tab-0').click()")
    cell = "document.querySelector('.family:not([hidden]) td[data-cost]')"
    assert board.run(f"return {cell}.offsetWidth") == 0
    board.run("document.querySelector('.family:not([hidden]) button.phone').click()")
    assert board.run(f"return {cell}.offsetWidth") > 0
    assert board.run("return document.scrollingElement.scrollWidth") <= 390  # within its box


def test_one_point_is_no_plot(window, tmp_path, make_record):
    path = tmp_path / "leaderboard.html"
    runs = [class_run(tmp_path / "runs", make_record, "vifi", 1, 1.5)]
    path.write_text(page_of(runs), "utf-8")
    window.open(path)
    titles = "return [...document.querySelectorAll('.charts h3')].map(h => h.innerText)"
    assert window.run(titles) == ["What goes wrong", "Runs", "Maps of the videos"]
    assert window.run("return document.querySelectorAll('.charts .plot').length") == 0


def test_numbers_are_rounded_as_in_the_other_tables(window, tmp_path):
    """Half-way cases too: plots are drawn by the page's script, tables are written by Python."""
    script = (REPORT / "base.js").read_text("utf-8")
    page = tmp_path / "bare.html"
    page.write_text(f"<meta charset=utf-8><script>{script}; window.shown = fixed</script>", "utf-8")
    window.open(page)
    values = [57.25, 57.75, 0.25, -0.25, -57.75, 0.15, 2.35, 9.95, 100.0, 0.05, 33.333]
    for digits in (0, 1, 2):
        shown = window.run("return arguments[0].map((v) => shown(v, arguments[1]))", values, digits)
        assert shown == [f"{value:.{digits}f}" for value in values]
