from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError
from vclipbench.leaderboard import load_records
from vclipbench.leaderboard.record import blocks, identity, record
from vclipbench.leaderboard.record.record import (
    ABSENT,
    Record,
    canonical_json,
    identity_changes,
    identity_id,
    parse_record,
    record_text,
)

COMMITTED = Path(__file__).parents[2] / "data" / "records" / "v1"


def as_dict(made):
    return json.loads(record_text(made))


def test_round_trip(make_record):
    made = make_record({"split1": 100 / 3})
    text = record_text(made)
    assert parse_record(text) == made
    assert record_text(parse_record(text)) == text
    assert text.endswith("\n}\n")
    assert "33.333333333333336" in text
    assert "über" in text


def test_a_record_of_version_1_still_loads():
    problems: list[str] = []
    [made] = load_records(COMMITTED, problems)
    assert problems == []
    assert made.run_id == "f9a990977baa9b6d"
    assert (made.status, made.seed, made.variant) == ("done", 1, "main")
    assert made.primary_metric().value == 64.0


def test_every_field_is_described():
    models = {
        model
        for module in (identity, blocks, record)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
    }
    undescribed = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert undescribed == []


@pytest.mark.parametrize("place", [(), ("identity", "method"), ("data", "split1"), ("metrics", 0)])
def test_unknown_keys_are_refused(make_record, place):
    value = as_dict(make_record())
    block = value
    for key in place:
        block = block[key]
    block["extra"] = 1
    with pytest.raises(ValueError, match=r"extra: there is no such key"):
        parse_record(json.dumps(value))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_everywhere(make_record, make_identity, number):
    good = as_dict(make_record())
    with pytest.raises(ValidationError, match="finite number"):
        Record.model_validate({**good, "per_class": {"split1": {"run": number}}})
    command = {**good["command"], "config_resolved": {"train": [{"lr": number}]}}
    with pytest.raises(ValidationError, match=r"train\.0\.lr is .*: NaN and infinities"):
        Record.model_validate({**good, "command": command})
    with pytest.raises(ValidationError, match=r"lr is .*: NaN and infinities"):
        identity_id(make_identity(lr=number))
    with pytest.raises(ValueError, match="NaN and infinities"):
        canonical_json([number])
    with pytest.raises(ValueError, match="NaN and infinities"):
        parse_record(json.dumps({**good, "tags": number}))


@pytest.mark.parametrize(
    ("key", "value"), [("limited", 1), ("created_utc", "2026-01-02"), ("schema_version", True)]
)
def test_types_are_strict(make_record, key, value):
    with pytest.raises(ValueError, match=key):
        parse_record(json.dumps({**as_dict(make_record()), key: value}))


@pytest.mark.parametrize("time", ["9999-99-99T99:99:99Z", "2026-02-30T00:00:00Z"])
def test_times_that_there_are_not_are_refused(make_record, time):
    with pytest.raises(ValueError, match=f"created_utc: there is no time {time}"):
        parse_record(json.dumps({**as_dict(make_record()), "created_utc": time}))


@pytest.mark.parametrize("text", ["\ud800", "x\udfff"])
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(make_record, text):
    good = as_dict(make_record())
    for change in (
        {"tags": [text]},
        {"command": {**good["command"], "config_resolved": {"a": {text: 1}}}},
    ):
        with pytest.raises(ValueError, match=r"it holds '\\ud.*', which is no Unicode text"):
            parse_record(json.dumps(good | change))


def test_a_run_on_a_part_of_the_data_says_so(make_record):
    value = as_dict(make_record())
    value["identity"]["eval"]["limit"] = 5
    value["run_id"] = identity_id(value["identity"])
    with pytest.raises(ValueError, match=r"identity\.eval\.limit is 5, and limited is false"):
        parse_record(json.dumps(value))
    assert parse_record(json.dumps(value | {"limited": True})).limited
    assert make_record(blocks={"limited": True}).identity.eval.limit is None


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        (("data", "split1"), "kind", "classes"),
        (("data", "split1"), "novel", []),
        (("environment",), "cpu", ""),
        (("environment",), "cpu_threads", None),
        (("predictions",), "compact", False),
    ],
)
def test_version_1_has_no_field_of_version_2(make_record, place, field, value):
    record = as_dict(make_record()) | {"schema_version": 1}
    record["predictions"] = {
        "file": "p.npz",
        "sha256": "0" * 64,
        "format": "npz",
        "n": 1,
        "keys": [],
    }
    for name in ("kind", "classes", "novel"):
        del record["data"]["split1"][name]
    for name in ("cpu", "cpu_threads"):
        del record["environment"][name]
    assert parse_record(json.dumps(record)).schema_version == 2
    block = record
    for key in place:
        block = block[key]
    block[field] = value
    where = ".".join((*place, field))
    with pytest.raises(ValueError, match=f"it says version 1, and holds {where} of version 2"):
        parse_record(json.dumps(record))


@pytest.mark.parametrize("value", [None, "abc", [1]])
@pytest.mark.parametrize("name", ["data", "eval", "backbone", "train"])
def test_sections_of_the_configuration_are_mappings(make_record, name, value):
    command = {"argv": [], "config_sources": {}}
    with pytest.raises(ValueError, match=f"config_resolved.{name} is no section"):
        make_record(blocks={"command": command | {"config_resolved": {name: value}}})
    make_record(blocks={"command": command | {"config_resolved": {"method": "clip"}}})


def test_edited_identity_is_refused(make_record):
    value = as_dict(make_record())
    value["identity"]["train"]["lr"] = 1.0
    with pytest.raises(ValueError, match=r"run_id .* is not the digest of identity"):
        parse_record(json.dumps(value))


def test_canonical_json():
    assert canonical_json({"b": [1, 2.0, None], "a": "ü"}) == '{"a":"ü","b":[1,2.0,null]}'
    assert canonical_json(0.1 + 0.2) == "0.30000000000000004"
    with pytest.raises(ValueError, match=r"value\.a is a tuple"):
        canonical_json({"a": (1, 2)})
    with pytest.raises(ValueError, match="keys are strings"):
        canonical_json({1: 2})


def test_identity_id_is_that_of_the_stored_block(make_identity, make_record):
    block = make_identity()
    assert identity_id(block) == identity_id(dict(reversed(block.items())))
    assert identity_id(block) == make_record().run_id
    assert identity_id(as_dict(make_record())["identity"]) == make_record().run_id
    assert identity_id(make_identity(seed=2)) != identity_id(block)
    # an integer where the schema says float is the same run
    whole, real = make_identity(), make_identity()
    whole["eval"]["logit_scale"], real["eval"]["logit_scale"] = 100, 100.0
    assert identity_id(whole) == identity_id(real)


def test_identity_changes(make_identity):
    old, new = make_identity(), make_identity(lr=1e-5, weight_decay=0.1)
    old["method"]["stages"] = [{"lr": 1, "name": "a"}]
    new["method"]["stages"] = [{"lr": 1.0, "name": "a"}]
    new["init"] = {"run_id": "0" * 16}
    assert identity_changes(old, old) == []
    assert identity_changes(old, new) == [
        ("init", None, {"run_id": "0" * 16}),
        ("method.stages.0.lr", 1, 1.0),
        ("train.lr", 5e-6, 1e-5),
        ("train.weight_decay", ABSENT, 0.1),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: i["train"].pop("seed"), r"train\.seed is missing"),
        (lambda i: i["train"].update(seed=True), r"train\.seed is missing"),
        (lambda i: i["eval"].update(seed=3), r"eval\.seed is null for a trained method"),
        (lambda i: i["protocol"].update(id="../up"), "pattern"),
        (lambda i: i["protocol"].update(id="zs-x\n"), "pattern"),
        (lambda i: i["protocol"].update(family="fs"), "variant main does not say k_shot None"),
        (lambda i: i["protocol"].update(splits=["a", "a"]), "one split twice"),
        (
            lambda i: i.update(init=dict.fromkeys(("url", "sha256", "layout", "run_id"))),
            "either a published file",
        ),
    ],
)
def test_inconsistent_identities_are_refused(make_identity, change, message):
    block = make_identity()
    change(block)
    with pytest.raises(ValidationError, match=message):
        identity_id(block)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "failed"}, "status failed needs error"),
        ({"metrics": []}, "status done needs metric top1_mean"),
        ({"finished_utc": None, "data": {}}, r"needs finished_utc, data\.split1"),
        ({"aggregates": [{"name": "hm", "rule": "mean", "parts": [{"name": "x", "split": None}]}]},
         "aggregate hm names"),
    ],
)  # fmt: skip
def test_inconsistent_records_are_refused(make_record, changes, message):
    with pytest.raises(ValueError, match=message):
        make_record(blocks=changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": 101.0}, r"% values lie in 0\.\.100"),
        ({"ci_low": None}, "go together"),
        ({"ci_low": 90.0}, "above ci_high"),
    ],
)
def test_inconsistent_metrics_are_refused(make_record, changes, message):
    first, *rest = as_dict(make_record())["metrics"]
    with pytest.raises(ValueError, match=message):
        make_record(blocks={"metrics": [{**first, **changes}, *rest]})
    with pytest.raises(ValueError, match="one name and split twice"):
        make_record(blocks={"metrics": [first, first, *rest]})


def test_inconsistent_counts_are_refused(make_record):
    with pytest.raises(ValueError, match="counts disagree"):
        make_record(n=10, scored=11)


def test_a_running_record_needs_no_results_and_can_be_revised(make_record):
    done = as_dict(make_record())
    late = ("finished_utc", "observed", "data", "exposure", "metrics", "primary")
    running = Record.model_validate(
        {**{k: v for k, v in done.items() if k not in late}, "status": "running"}
    )
    failed = running.revised(
        status="failed", error={"type": "OSError", "message": "gone", "phase": "decode"}
    )
    assert failed.error.phase == "decode"
    with pytest.raises(ValidationError, match="status done needs"):
        running.revised(status="done")
    with pytest.raises(ValidationError, match="frozen"):
        running.status = "done"


def test_seed_of_untrained_methods(make_record):
    assert make_record(seed=None).seed is None


def test_importing_the_leaderboard_is_light():
    code = (
        "import sys, vclipbench.leaderboard; print([m for m in "
        "('torch', 'mmengine', 'pandas', 'scipy', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"
