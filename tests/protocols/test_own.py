"""Protocols on videos of a user's own, plugins among them: their lists hold the digests of the files."""

import hashlib
import os

import pytest
from vclipbench.protocols.base import Protocol, ProtocolError
from vclipbench.protocols.split import Data, Plan, Sample, Split, digest


class Halves(Protocol):
    """As a plugin writes one: it knows nothing of contents."""

    def plan(self, variant, seed, data):
        parts = {}
        for part in ("train", "test"):
            files = sorted((data.root / part).iterdir())
            samples = tuple(Sample(path.name, path, n % 2) for n, path in enumerate(files))
            parts[part] = Split(part, ("x", "y"), samples)
        return Plan(variant, evaluate=(parts["test"],), train=parts["train"])

    def summarise(self, metrics):
        return []


@pytest.fixture
def halves(tmp_path, shapes_cache):
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        for name in ("1.mp4", "2.mp4"):
            (tmp_path / part / name).write_bytes(f"{part} {name}".encode())
    words = {"id": "full-own", "family": "full", "dataset": "own", "summary": "", "metric": "top1"}
    return Halves(**words, primary="top1", needs_root=True), Data(root=tmp_path)


def test_all_lists_of_a_plugin_hold_the_digests_of_files(halves, tmp_path):
    protocol, data = halves
    plan = protocol.full_plan("main", 1, data)
    for split in (plan.train, plan.evaluate[0]):
        for sample in split.samples:
            assert sample.content == hashlib.sha256(sample.path.read_bytes()).hexdigest()
    before, trained = protocol.digest(data), plan.train.digest()
    (tmp_path / "test" / "1.mp4").write_bytes(b"another")
    assert protocol.digest(data) != before
    (tmp_path / "train" / "1.mp4").write_bytes(b"another")
    assert protocol.full_plan("main", 1, data).train.digest() != trained


def test_lists_without_contents_keep_their_digests(halves):
    protocol, data = halves
    split = protocol.plan("main", 1, data).evaluate[0]
    content = [["x", "y"], [["1.mp4", 0], ["2.mp4", 1]]]

    assert split.digest() == digest(content)


def test_a_name_that_is_no_utf_8_is_shown_and_refused(halves, tmp_path):
    protocol, data = halves
    (tmp_path / "test" / os.fsdecode(b"3\xff.mp4")).write_bytes(b"")
    with pytest.raises(ProtocolError, match=r"is not UTF-8: 3\\xff\.mp4; rename it"):
        protocol.full_plan("main", 1, data)
