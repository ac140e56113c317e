"""How checkpoints are called in tables: published only where the digest is a known release."""

import pytest
from vclipbench.leaderboard.record.record import Record, identity_id
from vclipbench.leaderboard.tables import releases
from vclipbench.leaderboard.tables.rows import assign_rows

SHA = "64ea0a" + "0" * 58


@pytest.fixture
def records(make_record):
    """Two runs from one file under two names."""
    found = []
    for seed, name in ((1, "my_vifi.pth"), (2, "copy.pth")):
        value = make_record(seed=seed).model_dump(mode="json")
        value["identity"]["init"] = {
            **{"url": None, "sha256": SHA, "layout": "published", "run_id": None}
        }
        value["command"]["config_resolved"]["checkpoint"] = name
        value["run_id"] = identity_id(value["identity"])
        found.append(Record.model_validate(value))
    return found


def test_a_file_is_called_by_its_name(records):
    ((row, _),) = assign_rows(records[:1], {})
    assert row.checkpoint == "my_vifi.pth (64ea0a)"


def test_one_file_under_two_names_is_one_row(records):
    ((row, runs),) = assign_rows(records, {})
    assert row.checkpoint == "copy.pth (64ea0a)"
    assert len(runs) == 2


def test_a_known_release_is_called_published(records, monkeypatch):
    monkeypatch.setitem(releases.RELEASES, SHA, "ViFi-CLIP zero-shot")
    ((row, _),) = assign_rows(records, {})
    assert row.checkpoint == "published, ViFi-CLIP zero-shot (64ea0a)"
