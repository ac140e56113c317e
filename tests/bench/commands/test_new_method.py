"""`bench new-method`: what it writes works, and what it refuses."""

import subprocess
import sys

import pytest
from vclipbench.bench import cli


@pytest.fixture
def new_method(monkeypatch, capsys, tmp_path):
    """Run `bench new-method` in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["bench", "new-method", *words])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code
        return (code, *capsys.readouterr())

    return run


def test_the_new_method_is_short_and_its_tests_pass(new_method, shapes_cache, tmp_path):
    code, out, _ = new_method("my-Idea+2.x", "--out", "mine")
    assert code == 0
    plugin, test = tmp_path / "mine/my_idea_2_x.py", tmp_path / "mine/test_my_idea_2_x.py"
    assert len(plugin.read_text().splitlines()) <= 60
    assert "bench check method my-Idea+2.x --plugin mine/my_idea_2_x.py" in out
    assert "my-method" not in plugin.read_text() + test.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", test], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_nothing_is_overwritten(new_method, tmp_path):
    (tmp_path / "test_mine.py").write_text("precious")
    code, _, err = new_method("mine")
    assert code == 2
    assert "test_mine.py is there already" in err
    assert not (tmp_path / "mine.py").exists()
    assert (tmp_path / "test_mine.py").read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my idea", "'my idea' cannot be an id"),
        ("../mine", "cannot be an id"),
        ("3d", "a letter and then"),
        ("vifi", "there is a method 'vifi' already"),
        ("torch", "would hide the Python module torch"),
        ("class", "class is a word of Python"),
        ("json", "would hide the Python module json"),
    ],
)
def test_ids_that_cannot_be(name, message, new_method, tmp_path):
    code, _, err = new_method(name)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["none", "stage", "method", "a-method", "MyMethod", "my-method"])
def test_ids_that_mean_something_in_python_or_in_the_template(name, new_method, tmp_path):
    assert new_method(name)[0] == 0
    text = (tmp_path / f"{name.lower().replace('-', '_')}.py").read_text()
    compile(text, name, "exec")
    assert f'register_module("{name}")' in text
    assert "Method(Method):" in text


def test_a_folder_that_cannot_be_written(new_method, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = new_method("mine", "--out", "file/below")
    assert code == 1
    assert "cannot write" in err
    assert "Traceback" not in err
