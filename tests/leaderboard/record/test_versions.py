"""Records of every past version of the schema keep loading: some of each are kept here.

`tests/data/records/v<version>...`; a new version adds a folder and changes none. `v1` was written by hand,
the others by runs.
"""

import json
from pathlib import Path

import pytest
from vclipbench.leaderboard import load_records
from vclipbench.leaderboard.record.record import (
    SCHEMA_VERSION,
    identity_id,
    parse_record,
    record_text,
)

FOLDER = Path(__file__).parents[2] / "data" / "records"
FILES = sorted(FOLDER.glob("v*/record.json"))


def test_there_is_a_record_of_every_version():
    versions = {path: json.loads(path.read_text())["schema_version"] for path in FILES}
    assert set(versions.values()) == set(range(1, SCHEMA_VERSION + 1))
    assert all(path.parent.name.startswith(f"v{n}") for path, n in versions.items())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_it_loads_with_its_identity_and_numbers(path):
    content = json.loads(path.read_text())
    record = parse_record(path.read_text())
    assert record.schema_version == SCHEMA_VERSION
    assert record.run_id == content["run_id"] == identity_id(content["identity"])
    assert [m.value for m in record.metrics] == [m["value"] for m in content["metrics"]]
    assert record.primary_metric().value == next(
        m["value"] for m in content["metrics"] if m["name"] == content["primary"]
    )
    assert parse_record(record_text(record)) == record


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_it_names_no_folder_and_no_machine(path):
    text = path.read_text()
    assert not any(word in text for word in ('"/', "/home", "/tmp", "/root", "hostname"))


def test_what_version_1_does_not_say_has_defaults():
    record = parse_record((FOLDER / "v1-shapes" / "record.json").read_text())
    data = record.data["test"]
    assert (data.kind, data.classes, data.novel) == ("classes", [], [])


def test_all_are_shown_in_a_table(quick):
    problems = []
    records = load_records(FOLDER, problems)
    assert problems == []
    assert len(records) == len(FILES)
    listed = quick("runs", "--results", FOLDER, check=0).stdout
    table = quick("leaderboard", FOLDER, check=0).stdout
    for record in records:
        assert record.run_id in listed
        assert f"{record.primary_metric().value:.1f}" in table


def test_published_predictions_of_the_last_version_are_verified(quick):
    done = quick("verify", FOLDER / f"v{SCHEMA_VERSION}", check=0)
    assert done.stdout.startswith("ok ")
    # the record of version 1 is kept without its predictions
    done = quick("verify", FOLDER / "v1-shapes", check=1)
    assert "predictions.npz" in done.stdout
