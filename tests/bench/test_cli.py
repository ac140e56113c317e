import importlib
import subprocess
import sys
import types
from pathlib import Path

import pytest
from vclipbench.bench import cli, registry
from vclipbench.bench.errors import RunFailed, explained


@pytest.fixture
def bench(monkeypatch, capsys):
    """Run a command line in this process: exit code, standard output, standard error."""

    def bench(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code
        return (code, *capsys.readouterr())

    return bench


def test_light_commands_import_nothing_heavy(tmp_path):
    code = """
import sys
import types
from vclipbench.bench.cli import main
for words in sys.stdin.read().splitlines():
    sys.argv = ["bench", *words.split()]
    try:
        main()
    except SystemExit as stop:
        print("code", stop.code)
print([m for m in ("torch", "open_clip", "mmengine", "pandas") if m in sys.modules])
"""
    words = [
        "--help",
        "list",
        "describe fs-shapes",
        "describe vifi",
        "run --method vfi --protocol b2n-shapes",
        "run --method vifi --protocol b2n-shapes --set train.lrr=1",
        f"run --method vifi --protocol zs-folder --data {tmp_path} --out {tmp_path}/runs",
    ]
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(words),
        capture_output=True,
        text=True,
        check=True,
    )
    codes = [line for line in done.stdout.splitlines() if line.startswith("code ")]
    assert codes == ["code 0"] * 4 + ["code 2"] * 3
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines() == [
        "error: unknown method 'vfi'; did you mean 'vifi'? (bench list methods)",
        "error: unknown config key 'train.lrr' (command line); did you mean 'train.lr'?",
        f"error: {tmp_path} is empty; the layout wanted is {tmp_path}/<class name>/<video>",
    ]


def test_version_and_help(bench):
    assert bench("--version")[:2] == (0, "vclipbench 0.1.0\n")
    code, out, _ = bench("--help")
    assert code == 0
    for command in ("list", "run", "sweep", "data", "predict", "convert", "new-method", "check"):
        assert f"\n  {command} " in out
    assert "completion" not in out
    code, _, err = bench("lst")
    assert code == 2
    assert "list" in err


def test_list(bench):
    code, out, _ = bench("list", "methods")
    assert code == 0
    ids = [line.split()[0] for line in out.splitlines()]
    assert {"clip", "random", "vifi", "vifi-image", "vifi-text"} <= set(ids)
    assert all("[built in]" in line for line in out.splitlines())
    assert "protocols:" in bench("list")[1]
    code, out, err = bench("list", "method")
    assert (code, out) == (2, "")
    assert (
        err
        == "error: unknown kind 'method'; did you mean 'methods'? (methods, protocols, datasets)\n"
    )


def test_list_on_a_terminal_keeps_ids_whole(bench, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "30")
    _, out, _ = bench("list", "protocols")
    assert all(id in out for id in registry.ids("protocols"))


def test_list_shows_a_broken_plugin(bench, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import no_such_module")
    code, out, _ = bench("list", "protocols", "--plugin", path)
    assert code == 2
    assert f"broken: ModuleNotFoundError: No module named 'no_such_module'  [{path}]" in out
    assert "b2n-shapes" in out


def test_describe_a_method(bench):
    code, out, _ = bench("describe", "vifi", "--all")
    assert code == 0
    assert "Rasheed et al." in out
    assert "dataset shapes (ours, for the embedded world)" in out
    assert "train.lr = 0.001" in out
    assert "peak learning rate" in out


def test_describe_a_protocol(bench):
    from vclipbench.protocols.split import Data

    code, out, _ = bench("describe", "b2n-shapes", "--all")
    plan = registry.protocol("b2n-shapes").plan("main", 1, Data())
    assert code == 0
    assert registry.protocol("b2n-shapes").digest(Data()) in out
    for split in plan.evaluate:
        number = len(split.classes)
        chance = f"chance {100 / number:.2f} %"
        assert f"{split.name}: {number} classes, {len(split.samples)} videos, {chance}" in out
    assert "views.frames = 8" in out
    assert "k4: train on" in bench("describe", "fs-shapes")[1]


def test_describe_a_protocol_on_own_videos(bench, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.mp4").write_bytes(b"")
    assert "see them with --data DIR" in bench("describe", "zs-folder")[1]
    assert (
        "all: 2 classes, 2 videos, chance 50.00 %"
        in (bench("describe", "zs-folder", "--data", tmp_path)[1])
    )
    code, _, err = bench("describe", "zs-folder", "--data", tmp_path / "none")
    assert code == 2
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


def test_describe_other_ids(bench):
    assert "origin   built in" in bench("describe", "shapes")[1]
    assert "train.lr = 5e-06" in bench("describe", "config")[1]
    assert bench("describe", "b2n-shaps")[::2] == (
        2,
        "error: unknown id 'b2n-shaps'; did you mean 'b2n-shapes'? (see bench list)\n",
    )


def test_describe_an_id_of_two_kinds(bench, monkeypatch):
    module = types.ModuleType("own_clips")
    module.CARD = "clips"
    monkeypatch.setitem(sys.modules, "own_clips", module)
    monkeypatch.setitem(registry.catalog.BUILTIN, "clip", "own_clips:CARD")
    code, _, err = bench("describe", "clip")
    assert (code, err) == (2, "error: 'clip' is in methods and datasets: say which with --kind\n")
    assert "what     clips" in bench("describe", "clip", "--kind", "datasets")[1]


def test_leaderboard_without_records(bench, tmp_path):
    (tmp_path / "record.json").write_text("{}")
    code, out, err = bench("leaderboard", tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith("left out: record.json: ")
    assert f"error: there are no records of runs in {tmp_path}" in err
    assert "no folder" in bench("leaderboard", tmp_path / "none")[2]


def test_errors_and_exit_codes(bench, monkeypatch):
    from vclipbench.protocols.base import ProtocolError

    class OwnError(ProtocolError):
        pass

    def fail_with(error):
        def entries(*_):
            raise error

        monkeypatch.setattr(registry, "entries", entries)
        return bench("list")

    assert fail_with(OwnError("no videos")) == (2, "", "error: no videos\n")
    assert fail_with(RunFailed("disk full")) == (1, "", "error: disk full\n")
    assert fail_with(KeyboardInterrupt())[0] == 130
    with pytest.raises(ZeroDivisionError):
        fail_with(ZeroDivisionError())
    monkeypatch.setenv(cli.DEBUG, "1")
    with pytest.raises(ProtocolError):
        fail_with(ProtocolError("no videos"))
    assert explained(ValueError("a bug")) is None


PACKAGES = ("bench", "datasets", "leaderboard", "methods", "protocols")
# caught where they are raised for; never on their way to a user
INTERNAL = {"Unmet", "NotApplicable", "ChildError", "NotFinite", "NotRegular", "CardError"}


def test_every_error_has_an_exit_code_or_stays_inside():
    """A new class of error would be a traceback to the user, and nobody would notice."""
    root = Path(cli.__file__).parents[1]
    lacking = []
    for file in (f for top in PACKAGES for f in (root / top).rglob("*.py")):
        if file.name.endswith("_template.py"):
            continue
        name = ".".join(["vclipbench", *file.relative_to(root).with_suffix("").parts])
        module = importlib.import_module(name.removesuffix(".__init__"))
        for cls in vars(module).values():
            own = isinstance(cls, type) and cls.__module__ == name and issubclass(cls, Exception)
            if own and not hasattr(cls, "exit_code") and not cls.__name__.startswith("_"):
                lacking.append(cls.__name__)
    assert set(lacking) == INTERNAL


def test_several_values_after_one_option():
    words = ["run", "--seed", "1", "2", "--method", "vifi", "--set", "a=1", "b=2", "--dry-run"]
    seeds, sets = ["--seed", "1", "--seed", "2"], ["--set", "a=1", "--set", "b=2"]
    assert cli.spread(words) == ["run", *seeds, "--method", "vifi", *sets, "--dry-run"]
    words = ["describe", "--plugin", "a.py", "vifi"]
    assert cli.spread(words) == words
