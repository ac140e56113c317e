"""Plots for papers: which there are, that they show the numbers, and that bytes stay."""

import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import image
from report_runs import class_run, matrix, put, retrieval_run
from vclipbench.leaderboard.record.files import StoreError
from vclipbench.leaderboard.record.record import identity_id
from vclipbench.leaderboard.tables import plots
from vclipbench.leaderboard.tables.plots import save_plots
from vclipbench.leaderboard.tables.tables import leaderboard_table

NAMES = ("cost-fs-shapes", "cost-ret-shapes", "cost-zs-shapes")
NAMES += ("intervals-fs-shapes", "intervals-ret-shapes", "intervals-zs-shapes", "shots-fs-shapes")


def table_of(runs):
    return leaderboard_table([run.record for run in runs])


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, by name, in place of files."""
    drawn = {}

    def keep(figure, stem):
        drawn[stem.name] = figure
        return []

    monkeypatch.setattr(plots, "_saved", keep)
    return drawn


def test_every_protocol_has_its_plots(tmp_path, make_record):
    runs = matrix(tmp_path / "runs", make_record)
    paths = save_plots(table_of(runs), tmp_path / "plots")
    assert paths == sorted((tmp_path / "plots").iterdir())
    names = {path.name for path in paths}
    # retrieval runs here do not say what they cost, but for the parameters, which are the same
    expected = set(NAMES) - {"cost-ret-shapes"}
    assert names == {f"{name}.{ending}" for name in expected for ending in ("png", "svg")}
    for path in paths:
        data = path.read_bytes()
        if path.suffix == ".png":
            pixels = image.imread(io.BytesIO(data))
            assert min(pixels.shape[:2]) > 100
            assert pixels[0, 0, :3].tolist() == [1, 1, 1]  # white paper
            assert pixels[..., :3].min() < 0.2  # and ink
        else:
            assert not re.search(rb"<dc:date|\d{4}-\d\d-\d\dT|Matplotlib v", data)


def test_equal_tables_give_equal_files_in_any_process(tmp_path, make_record):
    matrix(tmp_path / "runs", make_record)
    code = (
        "import sys; from pathlib import Path\n"
        "from vclipbench.leaderboard import load_records\n"
        "from vclipbench.leaderboard.tables.tables import leaderboard_table\n"
        "from vclipbench.leaderboard.tables.plots import save_plots\n"
        "save_plots(leaderboard_table(load_records(sys.argv[1])), Path(sys.argv[2]))"
    )
    made = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        settings = {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": f"{seed}000000000"}
        command = [sys.executable, "-c", code, tmp_path / "runs", out]
        subprocess.run(command, env={**os.environ, **settings}, check=True)
        made.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert made[0] == made[1]
    assert made[0]


def test_a_users_settings_of_matplotlib_change_nothing(tmp_path, make_record):
    import matplotlib

    table = table_of([class_run(tmp_path / "runs", make_record, "vifi", 1, 1.0)])
    one = [path.read_bytes() for path in save_plots(table, tmp_path / "one")]
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black"}):
        other = [path.read_bytes() for path in save_plots(table, tmp_path / "other")]
    assert one == other


def test_an_interval_plot_shows_values_intervals_and_chance(tmp_path, make_record, figures):
    runs = matrix(tmp_path, make_record)
    table = table_of(runs)
    save_plots(table, tmp_path)
    panels = figures["intervals-zs-shapes"].axes
    long = table.long[(table.long["family"] == "zs") & (table.long["run_ids"] != "")]
    assert [axes.get_title() for axes in panels] == list(dict.fromkeys(long["column"]))
    for axes in panels:
        here = long[long["column"] == axes.get_title()]
        dots = sorted(
            x for line in axes.lines if line.get_marker() == "o" for x in line.get_xdata()
        )
        assert dots == pytest.approx(sorted(here["value"]))
        ranges = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
        lows = {round(float(min(x)), 6) for x in ranges}
        assert {round(max(float(v), 0), 6) for v in here["ci_low"].dropna()} <= lows
        assert any(
            line.get_linestyle() == "--" and line.get_xdata()[0] == 25 for line in axes.lines
        )
    # best on top, by the last column
    best = long[long["column"] == panels[-1].get_title()].sort_values("value")["method"].iloc[-1]
    assert panels[0].get_yticklabels()[0].get_text() == best


def test_curves_go_by_k_and_stay_within_percentages(tmp_path, make_record, figures):
    runs = matrix(tmp_path, make_record)
    table = table_of(runs)
    save_plots(table, tmp_path)
    (axes,) = figures["shots-fs-shapes"].axes
    curves = {line.get_label(): line for line in axes.lines if line.get_marker() != "None"}
    assert list(curves) == ["clip", "vifi"]
    long = table.long[(table.long["family"] == "fs") & (table.long["method"] == "vifi")]
    assert curves["vifi"].get_xdata().tolist() == [2, 4]
    assert curves["vifi"].get_ydata().tolist() == pytest.approx(long["value"].tolist())
    for band in axes.collections:
        heights = np.concatenate([path.vertices[:, 1] for path in band.get_paths()])
        assert 0 <= heights.min() <= heights.max() <= 100
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "4"]


def test_costs_have_a_panel_where_they_differ(tmp_path, make_record, figures):
    save_plots(table_of(matrix(tmp_path, make_record)), tmp_path)
    labels = [axes.get_xlabel().split("\n")[0] for axes in figures["cost-zs-shapes"].axes]
    assert labels == ["GFLOPs per view", "training (h)"]
    gflops = figures["cost-zs-shapes"].axes[0]
    places = {line.get_label(): line.get_xdata()[0] for line in gflops.lines}
    assert places == pytest.approx({"clip": 1.4, "vifi": 1.4, "open-vclip": 2.0})


def test_one_method_looks_the_same_in_every_plot(tmp_path, make_record, figures):
    save_plots(table_of(matrix(tmp_path, make_record)), tmp_path)
    colours = [
        line.get_color()
        for name in ("cost-zs-shapes", "cost-fs-shapes", "shots-fs-shapes")
        for axes in figures[name].axes
        for line in axes.lines
        if line.get_label() == "vifi"
    ]
    assert len(colours) >= 3
    assert len(set(colours)) == 1


def test_of_many_columns_those_that_speak_for_the_rest(tmp_path, make_record, figures):
    splits = tuple(f"half{i}" for i in range(6))
    runs = [class_run(tmp_path, make_record, "vifi", 1, 1.0, splits=splits)]
    runs.append(retrieval_run(tmp_path, make_record, "vifi", 1, 1.0))
    save_plots(table_of(runs), tmp_path)
    (axes,) = figures["intervals-zs-shapes"].axes
    assert axes.get_title() == "mean ± std over splits"


def test_two_digests_of_one_protocol_have_plots_of_their_own(tmp_path, make_record, figures):
    runs = [
        put(tmp_path, make_record(method="vifi", protocol_digest=letter * 64), None)
        for letter in "ab"
    ]
    save_plots(table_of(runs), tmp_path)
    assert set(figures) == {"intervals-zs-ucf101-aaaaaa", "intervals-zs-ucf101-bbbbbb"}


def test_an_empty_table_has_no_plots_and_a_full_disk_is_said(tmp_path, make_record):
    assert save_plots(leaderboard_table([]), tmp_path / "none") == []
    (tmp_path / "file").write_text("")
    table = table_of([class_run(tmp_path / "runs", make_record, "vifi", 1, 1.0)])
    with pytest.raises(StoreError, match="cannot write"):
        save_plots(table, tmp_path / "file")


def test_labels_are_the_methods_alone_where_all_backbones_are_equal(figures, tmp_path, make_record):
    """A method without a backbone is no other backbone."""
    random = make_record({"test": 4.0}, protocol="full-shapes", method="random", seed=None)
    none = random.identity.backbone.model_copy(update={"name": "none", "pretrained": None})
    block = random.identity.model_copy(update={"backbone": none})
    random = random.revised(identity=block, run_id=identity_id(block))
    vifi = make_record({"test": 40.0}, protocol="full-shapes")
    save_plots(leaderboard_table([random, vifi]), tmp_path)
    [axes] = figures["intervals-full-shapes"].axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["vifi", "random"]
