"""Which cells a name names."""

from __future__ import annotations

import pytest
from reported_numbers import number, with_identity
from vclipbench.leaderboard.tables.explain import explain, find
from vclipbench.leaderboard.tables.grid import make_grid
from vclipbench.leaderboard.tables.verdicts import verdicts

PUBLISHED = {"url": None, "sha256": "cd" * 32, "layout": "vifi", "run_id": None}


def heads(grid, cell):
    lines = explain(grid, cell, {})
    return [line for line in lines if line and not line.startswith(" ")]


def test_all_backbones_and_checkpoints_are_explained(make_record):
    small = make_record()
    large = with_identity(make_record({"split1": 70.0}), backbone={"name": "ViT-L-14"})
    published = make_record({"split1": 50.0}, seed=None, init=PUBLISHED)
    assert heads(make_grid([small, large, published]), "vifi/zs-ucf101/split1") == [
        "vifi on ViT-B-16 (openai), zs-ucf101, split1",
        "vifi on ViT-B-16 (openai), file (cdcdcd), zs-ucf101, split1",
        "vifi on ViT-L-14 (openai), zs-ucf101, split1",
    ]


def test_labels_may_hold_a_slash(make_record):
    lists = ("k400/train", "k600/train")
    grid = make_grid([make_record(list=name) for name in lists])
    for name in lists:
        method = f"vifi [train.list={name}]"
        [head] = heads(grid, f"{method} / zs-ucf101 / split1")
        assert head.startswith(f"{method} on ")
    assert len(find(grid, "vifi/zs-ucf101")) == 2


@pytest.mark.parametrize("cell", ["vifi", "", "/", "vifi/", "/zs-ucf101"])
def test_what_is_no_name_of_a_cell(make_record, cell):
    with pytest.raises(ValueError, match="is no cell: METHOD/PROTOCOL/COLUMN is"):
        find(make_grid([make_record()]), cell)


def test_a_reported_number_says_who_quoted_it(make_record):
    grid = make_grid([make_record({"base": 74.0, "novel": 53.0}, protocol="b2n-hmdb51")])
    numbers = [number(evidence="quoted", via="VidLA, Table 2", table="Table 1")]
    lines = explain(grid, "vifi/b2n-hmdb51/base", {}, tuple(verdicts(grid, numbers)))
    [line] = [line for line in lines if line.startswith("  reported")]
    assert line.startswith(
        "  reported 73.8 (vifi-clip-readme, Table 1, via VidLA, Table 2): +0.20, reproduced: "
    )
