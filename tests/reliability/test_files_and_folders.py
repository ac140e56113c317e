"""A folder where a file is wanted, and a folder that cannot be written, are said as what they are."""

import pytest
from vclipbench.bench.errors import did_you_mean
from vclipbench.leaderboard.record import store
from vclipbench.leaderboard.record.files import StoreError

RUN = ("run", "--method", "vifi", "--protocol", "b2n-shapes")
PREDICT = ("predict", "--classes", "a", "--backbone", "shapes-tiny")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*RUN, "--checkpoint", "dir"), "--checkpoint dir is a folder, and one file is wanted"),
        ((*PREDICT, "--video", "dir"), "--video dir is a folder, and one file is wanted"),
        (("convert", "dir", "o.pt", "--to", "vifi"), "weights file dir is a folder, and one file"),
        (("leaderboard", "file"), "file is a file; a folder to read records from is wanted"),
    ],
)
def test_a_folder_for_a_file(words, says, quick, tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").write_text("")
    done = quick(*words)
    assert done.returncode in (1, 2)
    assert says in done.stderr


def test_a_folder_that_cannot_be_written_is_named_and_not_the_probe(monkeypatch, tmp_path):
    def refuse(path, data):
        raise StoreError(f"cannot write {path}") from PermissionError(13, "Permission denied")

    monkeypatch.setattr(store, "write_atomically", refuse)
    with pytest.raises(StoreError) as caught:
        store.RunStore(tmp_path / "o").check_writable()
    assert str(caught.value) == f"cannot write to the folder {tmp_path / 'o'}: Permission denied"


def test_a_word_that_is_not_near_is_not_suggested():
    assert did_you_mean("nope", ("openai", "vifi", "clip-vip")) == ""
    assert did_you_mean("opena", ("openai", "vifi")) == "; did you mean 'openai'?"


@pytest.mark.parametrize("text", ["", "# nothing yet\n\n", "\n\n"])
@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.py"])
def test_a_configuration_without_keys_is_none(text, name, quick, tmp_path):
    (tmp_path / name).write_text(text)
    quick(*RUN, "--dry-run", "--no-videos", "--config", name, check=2)  # not a word of the file
    done = quick("run", "--method", "vifi", "--protocol", "zs-folder", "--config", name)
    assert "needs --data" in done.stderr
    assert name not in done.stderr
