"""Hostile and mistaken inputs to every command: exit code, one sentence, nothing left behind."""

import re
import shutil

import pytest
from made_runs import edit, make_run

DEEP = "[" * 1200 + "]" * 1200
LONG = "x" * 50_000
PREDICT = ("predict", "--video", "text.txt", "--backbone", "shapes-tiny")
RUN = ("run", "--dry-run", "--method", "vifi", "--protocol", "b2n-shapes")
FILES = {
    "text.txt": "no video, no record, no weights\n",
    "binary.yaml": b"\xff\xfe\x00\x01",
    "tab.yaml": "train:\n\tlr: 1\n",
    "comment.json": '{"train": {"lr": 1} /* fast */}\n',
    "deep.json": f'{{"train": {DEEP}}}',
    "half.py": "train = dict(lr=1e-5\n",
    "round.yaml": "_base_: round2.yaml\n",
    "round2.yaml": "_base_: round.yaml\n",
    "orphan.yaml": "_base_: parents/none.yaml\ntrain: {lr: 1.0e-5}\n",
    "code.yaml": "train: !!python/object/apply:os.mkdir [hacked]\n",
    "other.yaml": "method: clip\n",
    "list.yaml": "- train\n- lr\n",
    "new/record.json": '{"schema_version": 99}',
    "odd/record.json": '{"schema_version": true, "run_id": "0123456789abcdef"}',
    "list/record.json": "[1, 2, 3]",
    "half.safetensors": b"\x10\x00\x00\x00\x00\x00\x00\x00{}",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with two runs, and files that are wrong."""
    place = tmp_path_factory.mktemp("made")
    make_run(place / "runs", "full-shapes", method="one")
    make_run(place / "runs", "fs-shapes", method="two", intervals=False)
    partial = make_run(place / "part", "full-shapes", method="three", intervals=False)
    edit(partial, "status", value="partial")
    for name, content in FILES.items():
        path = place / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return place


CASES = {
    # list, describe
    "a plugin that is not there": (("list", "methods", "--plugin", "no.py"), 2, "no.py"),
    "an id of nothing": (("describe", ""), 2, "unknown id ''"),
    "an id of 50,000 letters": (("describe", LONG), 2, "unknown id"),
    "a kind in the singular": (
        ("describe", "vifi", "--kind", "method"),
        2,
        "did you mean 'methods'",
    ),
    "config as a method": (
        ("describe", "config", "--kind", "methods"),
        2,
        "unknown method 'config'",
    ),
    # predict
    "a text as a video": ((*PREDICT, "--classes", "a,b"), 1, "text.txt"),
    "a template that reads attributes": (
        (*PREDICT, "--classes", "a,b", "--prompt", "{0.__class__}"),
        2,
        "template",
    ),
    "a template without a place": ((*PREDICT, "--classes", "a", "--prompt", "a video"), 2, "{}"),
    "classes of commas": ((*PREDICT, "--classes", ",, ,"), 2, "--classes holds no name"),
    "an unknown reader": ((*PREDICT, "--classes", "a", "--reader", "vlc"), 2, "pyav, decord"),
    # convert
    "a text as weights": (("convert", "text.txt", "o.pt", "--to", "vifi"), 2, "text.txt"),
    "weights cut short": (("convert", "half.safetensors", "o.pt", "--to", "vifi"), 2, "half.saf"),
    "a folder as a CLIP": (
        ("convert", "text.txt", "o.pt", "--to", "vifi", "--clip", "runs"),
        2,
        "text.txt",
    ),
    "numbers of no kind": (("convert", "a", "o.pt", "--to", "vifi", "--dtype", "int8"), 2, "fp16"),
    # data
    "a seed below zero": (("data", "make", "shapes", "--seed", "-1"), 2, "from 0 to 4,294,967,295"),
    "a size no disk can hold": (("data", "make", "shapes", "--size", "65536"), 2, "32 to 1,024"),
    "a picture into no folder": (("data", "show", "shapes", "--out", "no/x.png"), 2, "no"),
    "a picture that is a text": (("data", "show", "shapes", "--out", "x.txt"), 2, ".png"),
    "a root that is a file": (("data", "check", "ucf101", "--data", "text.txt"), 2, "text.txt"),
    # runs, verify, publish, rerun, compare, leaderboard
    "a folder out of the store": (("runs", "show", "../../nowhere"), 2, "neither a file or folder"),
    "several runs as one": (("runs", "show", "runs"), 2, "holds 2 runs"),
    "a text as a record": (("runs", "show", "text.txt"), 1, "text.txt: not complete JSON"),
    "a record of the future": (("verify", "new"), 1, "99"),
    "a version that is true": (("verify", "odd"), 1, "schema_version"),
    "a list as a record": (("verify", "list"), 1, "not a vclipbench record"),
    "runs in a file": (("runs", "--results", "text.txt"), 1, "text.txt is a file"),
    "publishing to a file": (("publish", "runs/full-shapes", "--out", "text.txt"), 1, "text.txt"),
    "publishing half a run": (("publish", "part", "--out", "pub"), 1, "partial, not done"),
    "a record without its configuration": (
        ("rerun", "runs/full-shapes/one"),
        2,
        "holds no configuration to repeat",
    ),
    "a margin of nothing": (("compare", "runs", "runs", "--margin", "nan"), 2, "--margin nan"),
    "a comparison of two protocols": (
        ("compare", "runs/full-shapes", "runs/fs-shapes"),
        2,
        "only runs of one protocol digest",
    ),
    "a cell of no table": (("leaderboard", "runs", "--explain", "a/b/c/d"), 2, "--explain"),
    "a table below a file": (
        ("leaderboard", "runs", "--out", "text.txt/x.csv", "--no-ranks"),
        2,
        "x.csv",
    ),
    # settings and configuration files
    "lists a thousand deep": ((*RUN, "--set", f"train.lr={DEEP}"), 2, "too deep"),
    "a value of 50,000 letters": ((*RUN, "--set", f"train.lr={LONG}"), 2, "50,00"),
    "code in a value": ((*RUN, "--set", "train.lr=!!python/name:os.system"), 2, "train.lr"),
    "a seed twice over": ((*RUN, "--seed", "1", "--set", "seeds=[2]"), 2, "given twice"),
    "two slips at once": (
        (*RUN, "--set", "train.lrr=1", "--set", "views.frames=0"),
        2,
        "config key 'views.frames' (command line): 0 is not",
    ),
    "code in a file": ((*RUN, "--config", "code.yaml"), 2, "code.yaml, line 1"),
    "a file that inherits from itself": (
        (*RUN, "--config", "round.yaml"),
        2,
        "inherits from itself",
    ),
}
assert len(CASES) == 40


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_input(name, made, quick, tmp_path):
    words, code, sentence = CASES[name]
    place = tmp_path / "place"
    shutil.copytree(made, place)
    done = quick(*words, cwd=place)
    said = done.stdout + done.stderr
    assert done.returncode == code, said[:3000]
    assert sentence in said, said[:3000]
    assert "Traceback" not in said
    assert not re.search(r"Input should be|pydantic|NoneType|\bobject at 0x", said)
    told = [
        line for line in said.splitlines() if line.startswith(("error: ", "WRONG ", "refused "))
    ]
    assert told
    assert all(len(line) < 2100 for line in said.splitlines())
    new = {str(p.relative_to(place)) for p in place.rglob("*")} - {
        str(p.relative_to(made)) for p in made.rglob("*")
    }
    assert not new, f"left behind: {new}"
