"""Readers on real and broken clips (where the checkout has them) and on clips written here."""

from __future__ import annotations

import csv
import multiprocessing
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from vclipbench.datasets.video import child as video_child
from vclipbench.datasets.video import pyav as video_pyav
from vclipbench.datasets.video.read import (
    READERS,
    Clip,
    VideoError,
    count_frames,
    read_clip,
    reader_version,
)
from vclipbench.datasets.video.sampling import segment_centres

CLIPS = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "clips"
real = pytest.mark.skipif(
    not CLIPS.is_dir(), reason="the test clips ../shared/data/clips are absent"
)

try:
    import decord  # noqa: F401

    has_decord = True
except ImportError:
    has_decord = False
needs_decord = pytest.mark.skipif(not has_decord, reason="decord is not installed")

# file -> words of the VideoError, in both modes of PyAV
UNREADABLE = {
    "derived/zero_bytes.mp4": "empty (0 bytes)",
    "derived/text_not_video.mp4": "does not take it for a video",
    "derived/truncated_moov_missing.mp4": "without an index (no moov box)",
    "torchcodec_audio_only.mp3": "no video stream",
}
# file -> (words of the VideoError, frames that salvage finds)
DAMAGED = {
    "decord_corrupted.mp4": ("packet 31 of 50 is damaged", 49),
    "derived/truncated_faststart.mp4": ("its index lists 32 packets, 16 are there", 15),
    "derived/truncated_pancake.mkv": ("it ends after 4.7 of 10.4 s", 140),
}
# the second of its two video streams is the larger one, clips.csv describes the first
LARGER = {"torchcodec_nasa_13013.mp4": (390, 3, (270, 480))}
NOT_BY_DECORD = {
    "derived/editlist_copycut.mp4": "decord counts 58 frames where the file shows 44",
    "derived/no_duration.mkv": "decord fails on it",
    "torchcodec_av1_video.mkv": "decord fails on it",
}
TEN_BIT = {"torchcodec_h264_10bits.mp4", "torchcodec_h265_10bits.mp4"}


def table() -> list[dict[str, str]]:
    if not CLIPS.is_dir():
        return []
    with open(CLIPS / "clips.csv", newline="") as file:
        return list(csv.DictReader(file))


HEALTHY = [row for row in table() if row["file"] not in UNREADABLE | DAMAGED]
names = pytest.mark.parametrize("row", HEALTHY, ids=lambda row: row["file"])


def centres(count: int) -> np.ndarray:
    return segment_centres(count, 6)


def everything(count: int) -> np.ndarray:
    return np.arange(count)


def says(error: pytest.ExceptionInfo[VideoError], path: Path, words: str) -> None:
    """The error is one sentence that names the file and what is wrong."""
    text = str(error.value)
    assert words in text
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text
    assert error.value.path == str(path)
    assert error.value.reason in text


# ---- clips written here: frame i is grey level 4 * i with its number written on it ----


def write(path: Path, frames: int = 30, codec: str = "libx264", **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.options = {name.replace("_", "-"): value for name, value in options.items()}
        for i in range(frames):
            image = np.full((64, 96, 3), 4 * i % 200 + 20, np.uint8)
            cv2.putText(image, str(i), (5, 45), 0, 1.2, (255, 255, 255), 2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def plain(folder: Path) -> Path:
    return write(folder / "plain.mp4")


@pytest.fixture(scope="module")
def long(folder: Path) -> Path:
    """60 s with a key frame about every 4 s."""
    return write(folder / "long.mp4", frames=600, g="40", x264_params="scenecut=0")


@pytest.fixture(scope="module")
def open_gop(folder: Path) -> Path:
    """40 s in which frames before a key frame need it, and the key frame before it."""
    params = "open-gop=1:bframes=3:keyint=24:min-keyint=24:scenecut=0"
    return write(folder / "open_gop.mp4", frames=400, x264_params=params)


def faststart(path: Path, folder: Path, share: float) -> Path:
    """The beginning of a video whose index comes first."""
    whole = folder / "whole.mp4"
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        with av.open(str(whole), "w", options={"movflags": "faststart"}) as target:
            copy = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = copy
                    target.mux(packet)
    data = whole.read_bytes()
    cut = folder / "cut.mp4"
    cut.write_bytes(data[: int(len(data) * share)])
    return cut


@pytest.fixture
def own_child() -> Iterator[video_child.Child]:
    child = video_child.own_child()
    yield child
    child.close()


class TestHere:
    def test_clip(self, plain: Path) -> None:
        clip = read_clip(plain, lambda n: [n - 1, 3, 0, 3])
        assert isinstance(clip, Clip)
        assert clip.frames.shape == (4, 64, 96, 3)
        assert clip.frames.dtype == np.uint8
        assert clip.frames.flags["C_CONTIGUOUS"]
        assert clip.indices.tolist() == [29, 3, 0, 3]
        assert clip.indices.dtype == np.int64
        assert (clip.count, clip.stream, clip.damaged) == (30, 0, False)
        assert (clip.frames[1] == clip.frames[3]).all()
        corner = clip.frames[:, 2, 2].astype(int)
        assert np.abs(corner - np.array([[136], [32], [20], [32]])).max() <= 6

    def test_count(self, plain: Path, long: Path, open_gop: Path) -> None:
        assert [count_frames(p) for p in (plain, long, open_gop)] == [30, 600, 400]
        assert count_frames(str(plain), "torchcodec") == 30

    def test_salvage_of_a_whole_video_is_the_video(self, plain: Path) -> None:
        a, b = (read_clip(plain, everything, on_bad=how) for how in ("fail", "salvage"))
        assert (a.frames == b.frames).all()
        assert not b.damaged

    @pytest.mark.parametrize("share", [0.5, 0.9])
    def test_truncated(self, plain: Path, tmp_path: Path, share: float) -> None:
        cut = faststart(plain, tmp_path, share)
        with pytest.raises(VideoError) as error:
            read_clip(cut, lambda n: [0])
        says(error, cut, "cut off")
        clip = read_clip(cut, everything, on_bad="salvage")
        assert clip.damaged
        assert 0 < clip.count < 30
        whole = read_clip(plain, everything)
        assert (clip.frames[:-1] == whole.frames[: clip.count - 1]).all()

    def test_cut_between_two_packets(self, plain: Path, tmp_path: Path) -> None:
        whole = faststart(plain, tmp_path, 1)
        with av.open(str(whole)) as container:
            packets: list[Any] = [p for p in container.demux(video=0) if p.size]
            size = packets[9].pos + packets[9].size
        whole.write_bytes(whole.read_bytes()[:size])
        assert count_frames(whole) == 10
        with pytest.raises(VideoError) as error:
            read_clip(whole, lambda n: [0])
        says(error, whole, "its index lists 30 packets, 10 are there")
        clip = read_clip(whole, everything, on_bad="salvage")
        assert clip.damaged

    def test_damage_counts_where_it_must_be_decoded(self, long: Path, tmp_path: Path) -> None:
        bad = tmp_path / "bad.mp4"
        data = bytearray(long.read_bytes())
        with av.open(str(long)) as container:
            packet: Any = [p for p in container.demux(video=0) if p.size][300]
        data[packet.pos + 20 : packet.pos + packet.size] = bytes(packet.size - 20)
        bad.write_bytes(data)
        whole = read_clip(long, lambda n: [100, 500])
        clip = read_clip(bad, lambda n: [100, 500])  # by key frames: 300 is not touched
        assert (clip.frames == whole.frames).all()
        for number in (305, 301):
            with pytest.raises(VideoError) as error:
                read_clip(bad, lambda n, number=number: [0, number])
            says(error, bad, "of 600 is damaged")
        clip = read_clip(bad, lambda n: [100, n - 1], on_bad="salvage")
        assert clip.damaged
        assert (clip.frames[0] == whole.frames[0]).all()

    def test_missing_file_and_folder(self, tmp_path: Path) -> None:
        for path, words in ((tmp_path / "no.mp4", "no such file"), (tmp_path, "is a directory")):
            for reader in READERS[: 1 + has_decord]:
                with pytest.raises(VideoError) as error:
                    read_clip(path, centres, reader=reader)
                says(error, path, words)
            with pytest.raises(VideoError):
                count_frames(path)

    @pytest.mark.parametrize("content", [b"", b"no video at all\n" * 9, bytes(5000)])
    def test_no_video(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "bad.mp4"
        path.write_bytes(content)
        for mode in ("fail", "salvage"):
            with pytest.raises(VideoError) as error:
                read_clip(path, centres, on_bad=mode)
            says(error, path, "" if content else "0 bytes")

    def test_a_name_like_a_url(self, plain: Path, tmp_path: Path, monkeypatch) -> None:
        (tmp_path / "http:clip.mp4").write_bytes(plain.read_bytes())
        monkeypatch.chdir(tmp_path)
        assert count_frames("http:clip.mp4") == 30

    def test_a_title_that_is_not_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / "title.mkv"
        with av.open(str(path), "w") as container:
            container.metadata["title"] = "QQQQQQ"
            stream: Any = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            stream.metadata["title"] = "QQQQQQ"
            image = np.zeros((32, 32, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        assert path.read_bytes().count(b"QQQQQQ") == 2
        path.write_bytes(path.read_bytes().replace(b"QQQQQQ", b"\xe9\xff\xe9\xe9\xff\xe9"))
        assert read_clip(path, lambda n: [0]).count == 1

    def test_time_limit(self, plain: Path) -> None:
        with pytest.raises(VideoError) as error:
            read_clip(plain, centres, timeout=1e-9)
        says(error, plain, "longer than 1e-09 s")

    def test_error_survives_pickling(self) -> None:
        error = pickle.loads(pickle.dumps(VideoError("a.mp4", "it is bad; mend it")))
        assert str(error) == "Cannot read the video a.mp4: it is bad; mend it."
        assert (error.path, error.reason) == ("a.mp4", "it is bad; mend it")


class TestKeyFrames:
    """Above 20 s, decoding starts at key frames; the frames must be the same."""

    @pytest.mark.parametrize("name", ["long", "open_gop"])
    def test_same_frames(self, name: str, request, monkeypatch) -> None:
        path = request.getfixturevalue(name)
        monkeypatch.setattr(video_pyav, "LINEAR_SECONDS", 1e9)
        linear = read_clip(path, everything)
        monkeypatch.setattr(video_pyav, "LINEAR_SECONDS", 20.0)
        monkeypatch.setattr(video_pyav.OpenVideo, "_in_order", None)  # no way back
        count = linear.count
        rng = np.random.RandomState(0)
        wishes = [[i] for i in (*range(20, 80, 3), 0, count - 1)]
        wishes += [rng.randint(0, count, 7).tolist() for _ in range(15)]
        wishes += [segment_centres(count, 8).tolist()]
        for wish in wishes:
            clip = read_clip(path, lambda n, wish=wish: wish)
            assert (clip.frames == linear.frames[wish]).all(), wish

    def test_fewer_packets_are_decoded(self, long: Path, monkeypatch) -> None:
        fed = []
        decode = video_pyav.OpenVideo._decode

        def counted(self, start=0, salvage=False):
            for frame in decode(self, start, salvage):
                fed.append(frame.pts)
                yield frame

        monkeypatch.setattr(video_pyav.OpenVideo, "_decode", counted)
        read_clip(long, lambda n: [0, 405, 410, 590])
        assert len(fed) <= 1 + 11 + 31

    def test_times_out_of_order_fall_back_to_order(self, tmp_path: Path, monkeypatch) -> None:
        """A frame behind a key frame claims to be one before it, so times number frames wrongly."""
        source = write(tmp_path / "source.mp4", frames=60, codec="mpeg4", g="20")
        path = tmp_path / "strange.mp4"
        with av.open(str(source)) as old, av.open(str(path), "w") as new:
            copy = new.add_stream_from_template(old.streams.video[0])
            packets: list[Any] = [packet for packet in old.demux(video=0) if packet.size]
            assert packets[20].is_keyframe
            packets[21].pts = packets[14].pts + packets[14].duration // 2
            for packet in packets:
                packet.dts -= 20 * packet.duration
                packet.stream = copy
                new.mux(packet)
        linear = read_clip(path, everything)
        assert (linear.frames == read_clip(source, everything).frames).all()
        monkeypatch.setattr(video_pyav, "LINEAR_SECONDS", 0.0)
        for wish in ([11], [25], [15, 50], [45]):
            clip = read_clip(path, lambda n, wish=wish: wish)
            assert (clip.frames == linear.frames[wish]).all()


class TestArguments:
    def test_unknown_names(self, plain: Path) -> None:
        with pytest.raises(ValueError, match=r"unknown reader 'decrod'.*did you mean 'decord'"):
            read_clip(plain, centres, reader="decrod")
        with pytest.raises(ValueError, match=r"did you mean 'pyav'"):
            count_frames(plain, "PyAv")
        with pytest.raises(ValueError, match=r"unknown reader"):
            reader_version("x")
        with pytest.raises(ValueError, match=r"unknown on_bad 'salvag'.*'salvage'"):
            read_clip(plain, centres, on_bad="salvag")
        with pytest.raises(ValueError, match="timeout"):
            read_clip(plain, centres, timeout=0)
        with pytest.raises(ValueError, match=r'needs reader="pyav"'):
            read_clip(plain, centres, reader="decord", on_bad="salvage")

    @pytest.mark.parametrize("indices", [[], [0.5], [[0]], [30], [-1], [0, 99]])
    def test_wrong_indices(self, plain: Path, indices: list) -> None:
        with pytest.raises(ValueError, match="sample must give"):
            read_clip(plain, lambda n: indices)

    def test_versions(self) -> None:
        assert reader_version("pyav") == f"pyav {av.__version__}"
        if has_decord:
            assert reader_version("decord").startswith("decord 0.")


@needs_decord
class TestDecord:
    def test_equals_pyav(self, plain: Path, long: Path, open_gop: Path) -> None:
        for path in (plain, long, open_gop):
            for sample in (centres, lambda n: [n - 1, 3, 25, 3]):
                a, b = read_clip(path, sample), read_clip(path, sample, reader="decord")
                assert (a.frames == b.frames).all()
                assert a.indices.tolist() == b.indices.tolist()
                assert (a.count, a.stream) == (b.count, b.stream)

    def test_one_child_for_many_videos(self, plain: Path, own_child: video_child.Child) -> None:
        read_clip(plain, centres, reader="decord")
        pid, spent = own_child.pid, own_child.cpu_seconds
        read_clip(plain, centres, reader="decord")
        assert own_child.pid == pid
        assert own_child.cpu_seconds > spent

    def test_time_limit_kills_the_child(self, long: Path, own_child: video_child.Child) -> None:
        request = {
            "reader": "decord",
            "path": str(long),
            "stream": 0,
            "count": 600,
            "open_gop": False,
            "wanted": list(range(600)),
            "seconds": 1e-3,
        }
        with pytest.raises(TimeoutError):
            own_child.read(request)
        assert own_child.pid is None
        assert own_child.read(request | {"seconds": 60}).shape == (600, 64, 96, 3)

    def test_time_limit_of_read_clip(self, long: Path, own_child, monkeypatch) -> None:
        read = own_child.read
        monkeypatch.setattr(own_child, "read", lambda request: read(request | {"seconds": 1e-3}))
        with pytest.raises(VideoError) as error:
            read_clip(long, everything, reader="decord", timeout=30)
        says(error, long, "longer than 30 s")
        monkeypatch.undo()
        assert read_clip(long, centres, reader="decord").count == 600

    def test_a_crash_is_an_error_of_the_video(self, plain: Path, own_child, monkeypatch) -> None:
        process = own_child._started()
        process.kill()
        process.wait()
        monkeypatch.setattr(own_child, "_started", lambda: process)
        with pytest.raises(VideoError) as error:
            read_clip(plain, centres, reader="decord")
        says(error, plain, "decord crashed on it (exit -9)")
        monkeypatch.undo()
        assert read_clip(plain, centres, reader="decord").count == 30

    def test_in_a_forked_daemon(self, plain: Path, own_child: video_child.Child) -> None:
        """As in the worker of a data loader, after the parent has read a video."""
        read_clip(plain, centres, reader="decord")
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()

        def work() -> None:
            clip = read_clip(plain, centres, reader="decord")
            queue.put((clip.frames.sum(), video_child.own_child().pid))

        process = context.Process(target=work, daemon=True)
        process.start()
        process.join(60)
        assert process.exitcode == 0
        total, pid = queue.get()
        assert pid != own_child.pid
        assert total == read_clip(plain, centres, reader="decord").frames.sum()

    def test_damage(self, plain: Path, tmp_path: Path) -> None:
        cut = faststart(plain, tmp_path, 0.5)
        with pytest.raises(VideoError) as error:
            read_clip(cut, centres, reader="decord")
        says(error, cut, "cut off")


FAKE_TORCHCODEC = """
import av, numpy as np

class VideoDecoder:
    def __init__(self, source, *, stream_index, dimension_order, num_ffmpeg_threads, seek_mode):
        assert (dimension_order, num_ffmpeg_threads, seek_mode) == ("NHWC", 1, "exact")
        if "{missing}":
            raise RuntimeError("Could not load libtorchcodec. Likely causes: no FFmpeg")
        with av.open(source) as container:
            frames = container.decode(container.streams[stream_index])
            self.frames = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])

    def __len__(self):
        return len(self.frames)

    def get_frames_at(self, indices):
        frames = self.frames[indices]
        class Batch:
            class data:
                numpy = staticmethod(lambda: frames)
        return Batch
"""


class TestTorchcodec:
    """Without torchcodec itself, which needs FFmpeg libraries: how it is called, and what fails."""

    @pytest.fixture
    def fake(self, tmp_path: Path, monkeypatch, own_child: video_child.Child) -> Path:
        own_child.close()  # the next child sees the new path
        (tmp_path / "torchcodec").mkdir()
        (tmp_path / "torchcodec" / "__init__.py").touch()
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.syspath_prepend(str(tmp_path))
        for name in [name for name in sys.modules if name.split(".")[0] == "torchcodec"]:
            monkeypatch.delitem(sys.modules, name)
        return tmp_path / "torchcodec" / "decoders.py"

    def test_equals_pyav(self, fake: Path, plain: Path) -> None:
        fake.write_text(FAKE_TORCHCODEC.replace("{missing}", ""))
        a, b = (read_clip(plain, centres, reader=reader) for reader in ("pyav", "torchcodec"))
        assert (a.frames == b.frames).all()

    def test_no_ffmpeg(self, fake: Path, plain: Path) -> None:
        fake.write_text(FAKE_TORCHCODEC.replace("{missing}", "x"))
        with pytest.raises(ImportError, match=r"pip install torchcodec, and FFmpeg libraries"):
            read_clip(plain, centres, reader="torchcodec")

    def test_refuses_avi(self, fake: Path, folder: Path) -> None:
        avi = write(folder / "clip.avi", codec="mpeg4")
        with pytest.raises(VideoError) as error:
            read_clip(avi, centres, reader="torchcodec")
        says(error, avi, "AVI")

    def test_not_installed(self, plain: Path, monkeypatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(ImportError, match=r"pip install torchcodec"):
            read_clip(plain, centres, reader="torchcodec")
        with pytest.raises(ImportError, match=r"pip install torchcodec"):
            reader_version("torchcodec")


@real
class TestRealClips:
    @names
    def test_counts_and_frames(self, row: dict[str, str]) -> None:
        path = CLIPS / row["file"]
        count, stream, size = LARGER.get(row["file"], (int(row["frames_decodable"]), None, None))
        assert count_frames(path) == count
        clip = read_clip(path, lambda n: [0, n - 1])
        assert clip.count == count
        assert not clip.damaged
        if stream is not None:
            assert (clip.stream, clip.frames.shape[1:3]) == (stream, size)
            return
        mean = [float(x) for x in row["first_frame_mean_rgb"].split()]
        assert clip.frames[0].mean(axis=(0, 1)) == pytest.approx(mean, abs=0.01)
        sides = [int(row["coded_height"]), int(row["coded_width"])]
        turned = row["display_matrix_rotation"] in ("90", "-90")
        assert list(clip.frames.shape[1:3]) == (sides[::-1] if turned else sides)

    @needs_decord
    @names
    def test_decord_is_bit_equal(self, row: dict[str, str]) -> None:
        path, name = CLIPS / row["file"], row["file"]
        if name in NOT_BY_DECORD:
            with pytest.raises(VideoError) as error:
                read_clip(path, centres, reader="decord")
            says(error, path, NOT_BY_DECORD[name])
            return
        a, b = (read_clip(path, centres, reader=reader) for reader in ("pyav", "decord"))
        assert (a.count, a.stream, a.frames.shape) == (b.count, b.stream, b.frames.shape)
        if name not in TEN_BIT:
            assert (a.frames == b.frames).all()

    @names
    def test_key_frames_equal_order(self, row: dict[str, str], monkeypatch) -> None:
        path = CLIPS / row["file"]
        rng = np.random.RandomState(0)
        wish: list[int] = []
        for sample in (centres, lambda n: rng.randint(0, n, 3), lambda n: [n - 1]):

            def same(n: int, sample=sample) -> list[int]:
                wish[:] = wish or list(sample(n))
                return wish

            wish.clear()
            linear = read_clip(path, same)
            monkeypatch.setattr(video_pyav, "LINEAR_SECONDS", 0.0)
            jumped = read_clip(path, same)
            monkeypatch.undo()
            assert jumped.indices.tolist() == linear.indices.tolist()
            assert (jumped.frames == linear.frames).all()

    @pytest.mark.parametrize("name", UNREADABLE)
    def test_unreadable(self, name: str) -> None:
        path = CLIPS / name
        for arguments in ({}, {"on_bad": "salvage"}, *([{"reader": "decord"}] * has_decord)):
            with pytest.raises(VideoError) as error:
                read_clip(path, centres, **arguments)
            says(error, path, UNREADABLE[name])
        with pytest.raises(VideoError):
            count_frames(path)

    @pytest.mark.parametrize("name", DAMAGED)
    def test_damaged(self, name: str) -> None:
        path, (words, salvageable) = CLIPS / name, DAMAGED[name]
        with pytest.raises(VideoError) as error:
            read_clip(path, everything)
        says(error, path, words)
        if has_decord:
            with pytest.raises(VideoError):
                read_clip(path, everything, reader="decord")
        clip = read_clip(path, lambda n: [0, n - 1], on_bad="salvage")
        assert (clip.count, clip.damaged) == (salvageable, True)

    def test_what_comes_before_the_damage_can_be_read(self) -> None:
        clip = read_clip(CLIPS / "decord_corrupted.mp4", lambda n: [0, 27])
        assert clip.count == 50
        with pytest.raises(VideoError):
            read_clip(CLIPS / "decord_corrupted.mp4", lambda n: [0, 28])

    def test_repeats_of_a_single_frame(self) -> None:
        for reader in READERS[: 1 + has_decord]:
            path = CLIPS / "derived" / "one_frame.mp4"
            clip = read_clip(path, lambda n: segment_centres(n, 4), reader=reader)
            assert clip.indices.tolist() == [0, 0, 0, 0]
            assert (clip.frames == clip.frames[:1]).all()

    def test_numbers_on_the_frames_of_an_open_gop(self) -> None:
        path = CLIPS / "torchcodec_h265_video.mp4"
        whole = read_clip(path, everything).frames
        assert len({frame.tobytes() for frame in whole}) == 10
        for reader in READERS[: 1 + has_decord]:
            for i in range(10):
                assert (
                    read_clip(path, lambda n, i=i: [i], reader=reader).frames[0] == whole[i]
                ).all()
