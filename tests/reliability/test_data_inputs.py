"""Forty inputs of data that nobody should give: each a clear sentence, no traceback, nothing half-written.

Folders, CSV lists, videos, links, permissions, names and containers, by several commands and two mistakes
at a time. `code` is the exit code: 0 where the input is unusual and right.
"""

import os
import socket
import struct
from pathlib import Path

import av
import numpy as np
import pytest

RUN = ("run", "--method", "clip", "--protocol", "zs-folder", "--backbone", "shapes-tiny")
DRY = (*RUN, "--dry-run")
CHECK = ("data", "check", "folder", "--jobs", "1")
LISTS = (*CHECK, "--no-videos")
SHOW = ("describe", "zs-folder")
AUDIT = ("audit", "--protocol", "zs-folder", "--trained-on", "k400")
PREDICT = ("predict", "--classes", "a,b", "--backbone", "shapes-tiny")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A video of 12 frames."""
    path = tmp_path_factory.mktemp("clip") / "v.mp4"
    write(path, 12)
    return path


def write(path, frames, format=None, rate=8):
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width = stream.height = 32
        for n in range(frames):
            image = np.random.RandomState(n).randint(0, 255, (32, 32, 3)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode())


def put(path: Path, clip: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(clip.read_bytes())
    return path


def two(folder, clip):
    """A right folder of two classes."""
    put(folder / "a" / "1.mp4", clip)
    put(folder / "b" / "2.mp4", clip)
    return folder


def table(folder, text):
    path = folder / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# --- folders ---


def folder_of_folders_without_videos(at, clip):
    (at / "d" / "a" / "deep" / "deeper").mkdir(parents=True)
    return DRY, at / "d", 2, "no videos in 1 class folder (a)"


def one_class_and_an_empty_one(at, clip):
    two(at / "d", clip)
    (at / "d" / "c").mkdir()
    return CHECK, at / "d", 2, "no videos in 1 class folder (c)"


def only_hidden_classes(at, clip):
    put(at / "d" / ".a" / "1.mp4", clip)
    return LISTS, at / "d", 2, "is empty; the layout wanted is"


def class_that_is_a_named_pipe(at, clip):
    os.mkfifo(two(at / "d", clip) / "c")
    return LISTS, at / "d", 0, "2 videos listed of 2 classes"


def classes_equal_but_for_an_underscore(at, clip):
    put(at / "d" / "a_b" / "1.mp4", clip)
    put(at / "d" / "a b" / "1.mp4", clip)
    return SHOW, at / "d", 2, "have the same name 'a b'"


def class_of_an_escape_sequence(at, clip):
    put(at / "d" / "\x1b[31mred" / "1.mp4", clip)
    return SHOW, at / "d", 2, "has control characters: \\x1b[31mred; rename it"


def class_with_a_line_break(at, clip):
    put(at / "d" / "a\nb" / "1.mp4", clip)
    return AUDIT, at / "d", 2, "has control characters: a\\nb; rename it"


def class_in_latin_1(at, clip):
    put(at / "d" / os.fsdecode(b"caf\xe9") / "1.mp4", clip)
    return LISTS, at / "d", 2, "is not UTF-8: caf\\xe9; rename it"


def inner_folder_in_latin_1(at, clip):
    put(two(at / "d", clip) / "a" / os.fsdecode(b"\xe9") / "1.mp4", clip)
    return DRY, at / "d", 2, "is not UTF-8: a/\\xe9/1.mp4; rename it"


def root_in_latin_1(at, clip):
    two(at / os.fsdecode(b"\xe9"), clip)
    return LISTS, at / os.fsdecode(b"\xe9"), 0, "2 videos listed of 2 classes"


def root_in_latin_1_that_is_gone(at, clip):
    return DRY, at / os.fsdecode(b"no\xe9"), 2, "no\\xe9 does not exist"


def class_that_links_to_another(at, clip):
    two(at / "d", clip)
    (at / "d" / "c").symlink_to("a")
    return LISTS, at / "d", 0, "is a link to a: its videos are listed under both classes"


def class_that_links_to_the_root_of_all(at, clip):
    two(at / "d", clip)
    (at / "d" / "c").symlink_to("/")
    return LISTS, at / "d", 0, "is a link to /, which holds it: passed over"


def links_that_go_round(at, clip):
    (at / "d").mkdir()
    (at / "d" / "a").symlink_to("b")
    (at / "d" / "b").symlink_to("a")
    return DRY, at / "d", 2, "the layout wanted is"


def root_that_links_to_itself(at, clip):
    (at / "d").symlink_to("d")
    return DRY, at / "d", 2, "is a link to nowhere, and a folder of class folders is wanted"


def root_that_is_a_socket(at, clip):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(at / "d"))
    return SHOW, at / "d", 2, "is a socket; a folder of class folders or a CSV is wanted"


def root_that_is_a_device(at, clip):
    return CHECK, "/dev/zero", 2, "is a device; a folder of class folders or a CSV is wanted"


def root_that_is_a_file_of_weights(at, clip):
    (at / "w.pth").write_bytes(bytes(range(256)) * 9)
    return DRY, at / "w.pth", 2, "is not UTF-8 text, and a CSV path,label in UTF-8 is wanted"


def root_that_is_a_video_with_a_large_extension(at, clip):
    return LISTS, put(at / "V.MP4", clip), 2, "is a video; give the folder above its class folder"


# --- CSV lists ---


def csv_that_names_a_folder(at, clip):
    two(at / "d", clip)
    return LISTS, table(at, "path,label\nd/a,x\n"), 2, "line 2: d/a is a folder, not a video file"


def csv_that_names_a_pipe_and_a_file_that_is_gone(at, clip):
    os.mkfifo(at / "p.mp4")
    text = "path,label\np.mp4,x\ngone.mp4,y\n"
    return DRY, table(at, text), 2, "line 2: p.mp4 is a named pipe, not a video file"


def csv_in_utf_16(at, clip):
    return DRY, table(at, "path,label\na.mp4,x\n".encode("utf-16")), 2, "is not UTF-8 text"


def csv_with_semicolons(at, clip):
    return LISTS, table(at, "path;label\na.mp4;x\n"), 2, "must start with the line 'path,label'"


def csv_with_a_column_twice(at, clip):
    put(at / "1.mp4", clip)
    text = "path,label,label\n1.mp4,x,y\n"
    return LISTS, table(at, text), 2, "has the column 'label' twice"


def csv_with_nul_in_a_path(at, clip):
    return LISTS, table(at, "path,label\na\0b.mp4,x\n"), 2, "control characters: a\\x00b.mp4"


def csv_of_one_long_field(at, clip):
    text = 'path,label\n"' + "x" * 200_000 + '",y\n'
    return LISTS, table(at, text), 2, "line 2: a field of more than 131,072 characters"


def csv_with_a_long_class_that_is_gone_too(at, clip):
    text = "path,label\n" + "n" * 300 + f".mp4,{'c' * 300}\n"
    return LISTS, table(at, text), 2, "..."


def csv_with_the_same_file_written_otherwise(at, clip):
    put(at / "1.mp4", clip)
    text = "path,label\n1.mp4,x\n./1.mp4,y\n"
    return LISTS, table(at, text), 2, "line 3: ./1.mp4 is already listed in line 2"


def csv_with_only_a_header(at, clip):
    return AUDIT, table(at, "path,label\r\n"), 2, "lists no videos"


def csv_that_links_to_nowhere(at, clip):
    (at / "list.csv").symlink_to("gone.csv")
    return DRY, at / "list.csv", 2, "there is no file"


def csv_with_a_path_outside(at, clip):
    put(at / "1.mp4", clip)
    put(at / "2.mp4", clip)
    (at / "lists").mkdir()
    text = "path,label\n../1.mp4,x\n../2.mp4,y\n"
    return LISTS, table(at / "lists", text), 0, "2 videos listed of 2 classes"


# --- videos and containers ---


def video_that_is_a_pipe(at, clip):
    os.mkfifo(two(at / "d", clip) / "a" / "0.mp4")
    return RUN, at / "d", 1, "it is a named pipe; give the path of a video file"


def video_that_links_to_a_device(at, clip):
    (two(at / "d", clip) / "b" / "0.mp4").symlink_to("/dev/zero")
    return RUN, at / "d", 1, "it is a device; give the path of a video file"


def video_that_links_to_nowhere(at, clip):
    (two(at / "d", clip) / "b" / "0.mp4").symlink_to("gone")
    return RUN, at / "d", 1, "there is no such file"


def avi_cut_in_half(at, clip):
    write(two(at / "d", clip) / "a" / "0.avi", 40)
    data = (at / "d" / "a" / "0.avi").read_bytes()
    (at / "d" / "a" / "0.avi").write_bytes(data[: len(data) // 2])
    return RUN, at / "d", 1, "is cut off"


def webm_that_holds_only_its_header(at, clip):
    write(at / "v.mkv", 40, "matroska")
    (two(at / "d", clip) / "a" / "0.webm").write_bytes((at / "v.mkv").read_bytes()[:300])
    return RUN, at / "d", 1, "Cannot read the video"


def matroska_with_a_wrong_duration_and_all_its_bytes(at, clip):
    path = two(at / "d", clip) / "a" / "0.mkv"
    write(path, 12, "matroska")
    data, place = bytearray(path.read_bytes()), path.read_bytes().index(b"\x44\x89\x88") + 3
    data[place : place + 8] = struct.pack(">d", 90_000.0)  # ms
    path.write_bytes(data)
    return RUN, at / "d", 0, "1 clips x 1 crops of 8 frames"


# --- other commands, other orders ---


def video_for_predict_that_is_a_folder(at, clip):
    two(at / "d", clip)
    return (*PREDICT, "--video", at / "d"), None, 2, "is a folder, and one file is wanted"


def data_for_a_protocol_without(at, clip):
    two(at / "d", clip)
    return ("describe", "b2n-shapes"), at / "d", 2, "makes its own videos and takes no --data"


def two_folders_of_ones_own(at, clip):
    two(at / "d", clip)
    words = (*DRY, "--data", f"x={at / 'd'}", "--data", f"y={at / 'd'}")
    return words, None, 2, "needs --data: the folder of your videos, as DIR or NAME=DIR"


CASES = [value for value in list(vars().values()) if getattr(value, "__code__", None)]
CASES = [
    c for c in CASES if c.__code__.co_varnames[:2] == ("at", "clip") and c.__module__ == __name__
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_one_sentence(case, quick, tmp_path, clip, monkeypatch):
    monkeypatch.delenv("VCLIPBENCH_DATA", raising=False)
    at = tmp_path / "in"
    at.mkdir()
    words, data, code, said = case(at, clip)
    given = ("--data", data) if data is not None else ()
    before = sorted(tmp_path.rglob("*")) if "run" not in words else []
    done = quick(*words, *given)
    text = done.stdout + done.stderr
    assert (done.returncode, said in text) == (code, True), text
    assert "Traceback" not in text
    text.encode()  # half a surrogate pair could not be written
    assert not any(c in text for c in ("\0", "\x1b"))
    if code:
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        assert len(errors[0]) < 700
    if before:
        assert sorted(tmp_path.rglob("*")) == before


def test_there_are_forty():
    assert len(CASES) == 40
