"""The HTML report in headless Chromium: keyboard, phone, dark mode, no network, no errors."""

from pathlib import Path

import pytest
from browser import browser, missing
from report_runs import CLASSES, HOSTILE, matrix, noise, page_of

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
    assert board.run("return location.hash") == "#ret"
    board.press("Right")
    assert board.run(FOCUS) == "Zero-shot"
    assert board.run("return document.querySelectorAll('.family:not([hidden])').length") == 1


def test_columns_sort_by_keyboard(board):
    head = "document.querySelector('.family:not([hidden]) th[data-sort=\"0\"]')"
    before = board.run(METHODS)
    board.run(f"{head}.querySelector('button').focus()")
    values = """return [...document.querySelectorAll('.family:not([hidden]) .board tbody tr')]
      .map(row => parseFloat(row.cells[1].innerText)).filter(value => !isNaN(value))"""
    board.press("Enter")
    assert board.run(f"return {head}.getAttribute('aria-sort')") == "descending"
    assert board.run(values) == sorted(board.run(values), reverse=True)
    board.press("Space")
    assert board.run(f"return {head}.getAttribute('aria-sort')") == "ascending"
    assert board.run(values) == sorted(board.run(values))
    board.press("Enter")
    assert board.run(METHODS) == before
    assert board.run(f"return {head}.getAttribute('aria-sort')") == "none"


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
    assert board.text("#drawer-title") == "clip, zs-shapes zs1-val"
    shown = board.run("return document.getElementById('drawer').textContent")
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
    page = "return document.querySelector('.family:not([hidden]) .part:last-child')"
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


def test_a_phone_needs_no_sideways_scrolling(board):
    board.size(390, 844)
    board.run("dispatchEvent(new Event('resize'))")
    for number in range(3):
        board.run(f"document.getElementById('tab-{number}').click()")
        assert board.run(OVERFLOW) <= 0
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
    for number in range(3):
        board.run(f"document.getElementById('tab-{number}').click()")
        ratio, text = board.run(CONTRAST)
        assert ratio >= 4.5, text


def test_who_wants_no_motion_gets_none(board):
    duration = "return getComputedStyle(document.querySelector('.series')).transitionDuration"
    assert board.run(duration) != "0s"
    board.prefer(prefers_reduced_motion="reduce")
    assert board.run(duration) == "0s"


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
