"""The cache of the Shapes world: whole files, equal files, and repair of what broke."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from vclipbench.datasets.cache import cache_root
from vclipbench.datasets.shapes import store
from vclipbench.datasets.shapes.render import render
from vclipbench.datasets.shapes.sheet import contact_sheet
from vclipbench.datasets.shapes.splits import ShapesClip, clip
from vclipbench.datasets.shapes.store import CacheError, check, encode, ensure, read_video


def clips(count: int, split: str = "base-val") -> list[ShapesClip]:
    return [clip(split, n) for n in range(count)]


def files(root: Path) -> list[str]:
    return sorted(p.name for p in root.rglob("*") if p.is_file())


def decode(content: bytes) -> np.ndarray:
    with av.open(io.BytesIO(content), "r") as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def test_paths_are_in_order_and_under_the_root(tmp_path: Path) -> None:
    wanted = [clip("ret-test", 2), clip("base-val", 1, seed=5)]
    paths = ensure(wanted, tmp_path)
    assert paths == [
        tmp_path / "shapes-v1-64px/seed0/ret-test/00002.mp4",
        tmp_path / "shapes-v1-64px/seed5/base-val/00001.mp4",
    ]
    assert files(tmp_path) == ["00001.mp4", "00002.mp4"]


def test_the_cache_root_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VCLIPBENCH_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    assert ensure(clips(1))[0].is_relative_to(tmp_path)
    monkeypatch.setenv("VCLIPBENCH_CACHE", "")
    assert cache_root().name == "vclipbench"


@pytest.mark.parametrize("size", [64, 96])
def test_decoded_frames_are_close_to_the_rendered(tmp_path: Path, size: int) -> None:
    for c, path in zip(clips(12), ensure(clips(12), tmp_path, size), strict=True):
        frames = read_video(path)
        assert frames.shape == (24, size, size, 3)
        assert np.abs(frames.astype(float) - render(c.scene, size)).mean() < 3


def test_colours_survive() -> None:
    """A wrong matrix or range would shift a flat colour by more than rounding does."""
    rng = np.random.RandomState(0)
    for colour in [(255, 0, 0), (0, 255, 0), (0, 0, 255), *rng.randint(0, 256, (9, 3))]:
        frames = np.full((2, 32, 32, 3), colour, np.uint8)
        decoded = decode(encode(frames, 12))
        assert np.abs(decoded.astype(int) - frames).max() <= 6


def test_a_file_is_a_plain_video(tmp_path: Path) -> None:
    with av.open(str(ensure(clips(1), tmp_path)[0])) as container:
        stream = container.streams.video[0]
        assert len(container.streams) == 1
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.frames, float(stream.average_rate or 0)) == (24, 12.0)
        assert container.duration == 2 * av.time_base
        assert not {"creation_time", "encoder"} & (set(container.metadata) | set(stream.metadata))
        times = [frame.time for frame in container.decode(video=0)]
        assert times == pytest.approx([n / 12 for n in range(24)])


def test_frames_played_backwards_decode_backwards() -> None:
    """The encoding treats all frames alike, so their blur says nothing about their order."""
    frames = render(clip("base-val", 0).scene)
    np.testing.assert_array_equal(
        decode(encode(frames, 12))[::-1], decode(encode(frames[::-1].copy(), 12))
    )


def test_equal_frames_give_equal_files(tmp_path: Path) -> None:
    first = [p.read_bytes() for p in ensure(clips(4), tmp_path / "a")]
    assert first == [p.read_bytes() for p in ensure(clips(4), tmp_path / "b")]
    frames = render(clip("base-val", 0).scene)
    store.write_video(frames, tmp_path / "c" / "x.mp4", 12)
    assert first[0].startswith((tmp_path / "c" / "x.mp4").read_bytes())


def test_the_processor_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = render(clip("base-val", 30).scene)
    fast = encode(frames, 12)
    plain = store._X264 | {"x264-params": store._X264["x264-params"] + ":asm=0"}
    monkeypatch.setattr(store, "_X264", plain)
    assert encode(frames, 12) == fast


def test_a_complete_cache_is_not_written_again(tmp_path: Path) -> None:
    before = [p.stat().st_mtime_ns for p in ensure(clips(5), tmp_path)]
    assert [p.stat().st_mtime_ns for p in ensure(clips(5), tmp_path)] == before


def test_progress_adds_up(tmp_path: Path) -> None:
    ensure(clips(3), tmp_path)
    told: list[int] = []
    ensure(clips(5), tmp_path, progress=told.append)
    assert told == [3, 1, 1]


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "extended", "misplaced"])
def test_a_damaged_file_is_repaired(tmp_path: Path, damage: str) -> None:
    paths = ensure(clips(3), tmp_path)
    good = paths[1].read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    paths[1].write_bytes(
        {
            "truncated": good[:-100],
            "empty": b"",
            "flipped": bytes(flipped),
            "extended": good + b"x",
            "misplaced": paths[0].read_bytes(),
        }[damage]
    )
    found = check(tmp_path, splits=["base-val"])
    assert [f.problem[:7] for f in found if f.problem != "missing"] == ["damaged"]
    assert ensure(clips(3), tmp_path) == paths
    assert paths[1].read_bytes() == good
    assert {f.problem for f in check(tmp_path, splits=["base-val"])} == {"missing"}


def test_check_names_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "split_size", lambda split: 2)
    path = ensure(clips(1), tmp_path)[0]
    found = check(tmp_path, splits=["base-val"])
    assert [(f.path.name, f.problem) for f in found] == [("00001.mp4", "missing")]
    address = store._address(clip("base-val", 0), 64)
    for content, problem in (
        (b"no video", "cannot be decoded"),
        (encode(render(clip("base-val", 0).scene, frames=[0, 1]), 12), "decodes to (2, 64, 64, 3)"),
    ):
        path.write_bytes(content + store._seal(content, address))
        assert check(tmp_path, splits=["base-val"])[0].problem.startswith(problem)


def test_an_unwritable_folder(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(CacheError, match=r"cannot write .*; set VCLIPBENCH_CACHE"):
        ensure(clips(1), blocked)
    assert files(tmp_path) == ["file"]


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(clips(1), tmp_path)
    write = Path.write_bytes

    def fill(path: Path, content: bytes) -> int:
        write(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill)
        with pytest.raises(CacheError, match="No space left on device; free some space"):
            ensure(clips(3), tmp_path)
    assert files(tmp_path) == ["00000.mp4"]
    ensure(clips(3), tmp_path)
    assert len(files(tmp_path)) == 3


def test_old_leftovers_go_and_young_ones_stay(tmp_path: Path) -> None:
    folder = ensure(clips(1), tmp_path)[0].parent
    for name, age in ((".00001.mp4.1-ab.tmp", 7200), (".00002.mp4.2-cd.tmp", 60)):
        (folder / name).write_bytes(b"half")
        past = os.path.getmtime(folder) - age
        os.utime(folder / name, (past, past))
    ensure(clips(1), tmp_path)
    assert files(tmp_path) == [".00002.mp4.2-cd.tmp", "00000.mp4"]


def test_two_processes_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from vclipbench.datasets.shapes.splits import clip\n"
        "from vclipbench.datasets.shapes.store import ensure\n"
        "ensure([clip('zs1-val', n) for n in range(60)], Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "shared")]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert files(tmp_path / "shared") == [f"{n:05d}.mp4" for n in range(60)]
    some = clips(60, "zs1-val")[::10]
    shared = [store.clip_path(c, tmp_path / "shared").read_bytes() for c in some]
    assert shared == [p.read_bytes() for p in ensure(some, tmp_path / "alone")]


@pytest.mark.parametrize("shape", [(2, 63, 64, 3), (2, 64, 63, 3), (0, 64, 64, 3), (64, 64, 3)])
def test_frames_that_cannot_be_encoded(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be"):
        store.write_video(np.zeros(shape, np.uint8), tmp_path / "x.mp4", 12)
    with pytest.raises(ValueError, match="uint8"):
        encode(np.zeros((2, 64, 64, 3)), 12)  # type: ignore[arg-type]
    assert not files(tmp_path)


def test_a_contact_sheet_is_the_same_each_time(tmp_path: Path) -> None:
    shown = [*clips(2), clip("ret-test", 0)]
    for name in ("a.png", "b.png"):
        contact_sheet(shown, tmp_path / name, root=tmp_path)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(ValueError, match="1 to 24 frames"):
        contact_sheet(shown, tmp_path / "c.png", frames=25, root=tmp_path)


def test_a_file_that_shows_another_scene_is_written_again(tmp_path: Path) -> None:
    from dataclasses import replace

    real, other = clip("base-val", 0), clip("base-val", 1)
    stale = replace(real, scene=other.scene)  # as if the splits had been changed since
    (path,) = ensure([stale], tmp_path)
    before = path.read_bytes()
    assert ensure([real], tmp_path) == [path]
    assert path.read_bytes() != before
