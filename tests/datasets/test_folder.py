"""Any user's videos: what is listed, and one clear sentence for everything that is not right."""

from pathlib import Path

import pytest
from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.folder import Item, read_csv, read_folder


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_a_folder_is_listed_in_sorted_order(tmp_path: Path) -> None:
    touch(tmp_path, "zoo/b.MP4", "zoo/a.webm", "zoo/deep/er/c.mkv", "Ski_jump/1.avi")
    listing = read_folder(tmp_path)
    assert listing.classes == ("Ski_jump", "zoo")
    assert listing.items == (
        Item("Ski_jump/1.avi", tmp_path / "Ski_jump/1.avi", 0),
        Item("zoo/a.webm", tmp_path / "zoo/a.webm", 1),
        Item("zoo/b.MP4", tmp_path / "zoo/b.MP4", 1),
        Item("zoo/deep/er/c.mkv", tmp_path / "zoo/deep/er/c.mkv", 1),
    )


def test_what_is_no_video_is_passed_over(tmp_path: Path) -> None:
    hidden = (".git/x.mp4", "run/.cache/x.mp4", "run/._a.mp4", ".DS_Store")
    touch(tmp_path, "run/a.mp4", "run/notes.txt", "run/mp4", "stray.mp4", *hidden)
    listing = read_folder(tmp_path)
    assert [item.id for item in listing.items] == ["run/a.mp4"]
    assert listing.classes == ("run",)


def test_common_endings(tmp_path: Path) -> None:
    endings = "mp4 avi mkv webm mov m4v mpg mpeg wmv flv 3gp Mp4 AVI"
    touch(tmp_path, *(f"one/{n}.{ending}" for n, ending in enumerate(endings.split())))
    assert len(read_folder(tmp_path).items) == 13


def test_classes_may_be_links(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.mp4", "root/one/b.mp4")
    (tmp_path / "root/two").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/one/round").symlink_to(tmp_path / "root")
    assert [i.id for i in read_folder(tmp_path / "root").items] == ["one/b.mp4", "two/a.mp4"]


@pytest.mark.parametrize(
    ("names", "root", "message"),
    [
        ((), "nowhere", "there is no folder .*nowhere"),
        (("x.mp4",), "x.mp4", "x.mp4 is a file"),
        ((), "", "is empty; the layout wanted is .*/<class name>/<video>"),
        (("a.mp4",), "", "holds videos but no class folders; the layout wanted"),
        (("run/a.mp4", "sit/b.txt"), "", r"no videos in 1 class folder \(sit\)"),
        (("a/x", "b/x", "c/x", "d/x"), "", r"in 4 class folders \(a, b, c, \.\.\.\)"),
    ],
)
def test_what_is_wrong_with_a_folder(
    tmp_path: Path, names: tuple[str, ...], root: str, message: str
) -> None:
    touch(tmp_path, *names)
    with pytest.raises(DatasetError, match=message) as caught:
        read_folder(tmp_path / root)
    assert "\n" not in str(caught.value)


def table(root: Path, text: str) -> Path:
    touch(root, "a.mp4", "sub/b.mp4", "c, d.mp4")
    (root / "list.csv").write_bytes(text.encode())
    return root / "list.csv"


def test_a_csv_keeps_the_order_of_its_rows(tmp_path: Path) -> None:
    file = table(tmp_path, "path,label\nsub/b.mp4,ski jump\na.mp4,archery\n\n")
    listing = read_csv(file)
    assert listing.classes == ("archery", "ski jump")
    assert listing.items == (
        Item("sub/b.mp4", tmp_path / "sub/b.mp4", 1),
        Item("a.mp4", tmp_path / "a.mp4", 0),
    )


@pytest.mark.parametrize(
    "text",
    [
        '\ufeffpath,label\r\n"c, d.mp4","jump, high"\r\na.mp4,run',
        ' label ,split,path\n"jump, high",train, "c, d.mp4"\n run ,test,a.mp4\n',
    ],
)
def test_csv_dialects(tmp_path: Path, text: str) -> None:
    listing = read_csv(table(tmp_path, text))
    assert listing.classes == ("jump, high", "run")
    assert [(i.id, i.label) for i in listing.items] == [("c, d.mp4", 0), ("a.mp4", 1)]


def test_csv_paths_may_be_relative_to_a_root(tmp_path: Path) -> None:
    touch(tmp_path / "videos", "x.mp4")
    file = table(tmp_path, "path,label\nx.mp4,run\n")
    assert read_csv(file, tmp_path / "videos").items[0].path == tmp_path / "videos/x.mp4"
    with pytest.raises(DatasetError, match="not found under"):
        read_csv(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must start with the line 'path,label', not ''"),
        ("path;label\na.mp4;run\n", "must start with the line 'path,label', not 'path;label'"),
        ("a.mp4,run\n", "must start with the line"),
        ("path,label\n", "lists no videos"),
        ("path,label\na.mp4,run\nb.mp4,sit,down\n", "line 3: 3 fields where the header has 2"),
        ("path,label\na.mp4\n", "line 2: 1 fields"),
        ("path,label\na.mp4,\n", "line 2: the label is empty"),
        ("path,label\n,run\n", "line 2: the path is empty"),
        ("path,label\na.mp4,x\n./sub/../a.mp4,x\n", "line 3: .* is already listed in line 2"),
        ("path,label\na.mp4,x\nno.mp4,x\n", r"lists 1 file \(no.mp4\) not found under"),
        ("path,label\n1,x\n2,x\n3,x\n4,x\n", r"lists 4 files \(1, 2, 3, \.\.\.\) not found"),
        ('path,label\n"a.mp4,x\n', "line 2: a quotation mark is opened here and closed nowhere"),
    ],
)
def test_what_is_wrong_with_a_csv(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read_csv(table(tmp_path, text))
    assert "list.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_csv_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no file"):
        read_csv(tmp_path / "list.csv")
    with pytest.raises(DatasetError, match="cannot read"):
        read_csv(tmp_path)
    (tmp_path / "list.csv").write_bytes(b"path,label\n\xff\xfe,x\n")
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_csv(tmp_path / "list.csv")
