"""The videos of a split on their way to features: found in the store, or decoded."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset

from ...datasets.contents import digests_of
from ...datasets.video.read import VideoError, read_clip
from ...datasets.video.sampling import FrameSampler
from ..errors import RunFailed
from ..loading import batches, loader, on_bad
from .feature_rows import finite, rows
from .feature_store import Encoded, FeatureStore

if TYPE_CHECKING:
    from ...datasets.video.transforms import Preprocess
    from ...methods.base import Features
    from ...protocols.split import Sample
    from ..config.schema import RunConfig

_AT_ONCE = 128  # videos looked up together

Places = list[int]


class EvalViews(Dataset[dict[str, Any]]):
    """Item i is video i with all its views [V, T, ...], see `Preprocess.views`, or its error."""

    def __init__(self, samples: Sequence[Sample], config: RunConfig, preprocess: Preprocess):
        self.samples, self.config, self.preprocess = list(samples), config, preprocess

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, number: int) -> dict[str, Any]:
        data, views, path = self.config.data, self.config.views, self.samples[number].path
        assert path is not None  # videos without a file are not scored
        try:
            clip = read_clip(
                path,
                FrameSampler(views.sampling, views.frames, views.clips),
                reader=data.reader,
                on_bad=on_bad(data.on_bad_video),
            )
        except VideoError as error:
            return {"number": number, "error": str(error)}
        crops = self.preprocess.views(clip.frames)
        shape = (crops.shape[0] * views.clips, views.frames, *crops.shape[2:])
        return {
            "number": number,
            "views": torch.from_numpy(crops.reshape(shape)),
            "indices": clip.indices.tolist(),
            "damaged": clip.damaged,
        }


class Reading:
    """What was read of each video, by its place in the list.

    Args:
        own: places that this process reads; None: all. `take` brings what others have read.

    Attributes:
        indices: frames read. damaged: places read only as far as they go. unreadable: place -> why.
        seconds: time spent on decoding, or on looking up.
        reused: videos whose features were found.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        config: RunConfig,
        preprocess: Preprocess,
        store: FeatureStore | None,
        own: Sequence[int] | None = None,
    ):
        self.samples, self.config, self.preprocess, self.store = samples, config, preprocess, store
        self.views = config.views.clips * config.views.crops
        self.indices: dict[int, list[Any]] = {}
        self.damaged: set[int] = set()
        self.unreadable: dict[int, str] = {}
        self.seconds = 0.0
        self.reused = 0
        self._keys: dict[int, str] = {}
        self._own = list(range(len(samples)) if own is None else own)
        self._left = self._own

    def known(self) -> Iterator[tuple[Places, list[Encoded]]]:
        """Places and features of the videos that the store has."""
        if self.store is None:
            return
        left: Places = []
        for start in range(0, len(self._own), _AT_ONCE):
            clock = time.perf_counter()
            places = self._own[start : start + _AT_ONCE]
            # of a file without a digest the reader will say what is wrong with it
            digests = digests_of([self.samples[place].path for place in places])
            self._keys |= {p: key for p, key in zip(places, digests, strict=True) if key}
            keys = {place: self._keys[place] for place in places if place in self._keys}
            stored = self.store.get(list(dict.fromkeys(keys.values())))
            hits = [place for place, key in keys.items() if key in stored]
            left += [place for place in places if place not in set(hits)]
            entries = [stored[keys[place]] for place in hits]
            for place, entry in zip(hits, entries, strict=True):
                self._note(place, entry.indices, entry.damaged)
            self.reused += len(hits)
            self.seconds += time.perf_counter() - clock
            if hits:
                yield hits, entries
        self._left = left

    def fresh(
        self, progress: Callable[[int], None]
    ) -> Iterator[tuple[Places, list[dict[str, Any]]]]:
        """Places and decoded views of the other videos, batch by batch.

        Raises:
            RunFailed: a video cannot be read and `data.on_bad_video` is "fail".
        """
        data = EvalViews([self.samples[n] for n in self._left], self.config, self.preprocess)
        per_batch = max(1, self.config.eval.batch_size // self.views)
        clock = time.perf_counter()
        items_of = loader(data, self.config.data.workers, batch_size=per_batch, collate_fn=list)
        for items in batches(items_of):
            self.seconds += time.perf_counter() - clock
            good = []
            for item in items:
                place = self._left[item["number"]]
                if "error" in item:
                    self.unreadable[place] = _allowed(item["error"], self.config)
                else:
                    self._note(place, item["indices"], item["damaged"])
                    good.append(item)
            if good:
                yield [self._left[item["number"]] for item in good], good
            progress(len(items))
            clock = time.perf_counter()

    def keep(self, places: Places, video: Features) -> None:
        """Put features of videos, `views` rows each, into the store."""
        if self.store is None:
            return
        entries = {}
        for n, place in enumerate(places):
            part = rows(video, n * self.views, (n + 1) * self.views)
            if place in self._keys and finite(part):
                entry = Encoded(part, self.indices[place], place in self.damaged)
                entries[self._keys[place]] = entry
        self.store.put(entries)

    def told(self) -> dict[str, Any]:
        """What another process takes from this one."""
        names = ("_own", "indices", "damaged", "unreadable", "seconds", "reused", "_keys")
        return {name: getattr(self, name) for name in names}

    def take(self, others: Sequence[dict[str, Any]]) -> None:
        """Add what all processes have read, this one among them; each place has been read by one.

        Raises:
            AssertionError: a place is there twice, or not at all.
        """
        places = sorted(place for other in others for place in other["_own"])
        assert places == list(range(len(self.samples))), "each video is read by one process"
        for other in others:
            self.indices |= other["indices"]
            self.damaged |= other["damaged"]
            self.unreadable |= other["unreadable"]
            self._keys |= other["_keys"]
        self.reused = sum(other["reused"] for other in others)
        self.seconds = max(other["seconds"] for other in others)

    @property
    def short(self) -> list[int]:
        """Places of videos with fewer frames than a clip wants, so that frames are repeated."""
        wanted = self.config.views.frames  # every rule reads the last frame of a shorter video
        return [
            place for place, indices in sorted(self.indices.items()) if max(indices) + 1 < wanted
        ]

    def index_digest(self) -> str:
        """SHA-256 over the frames read, in the order of the list."""
        found = hashlib.sha256()
        for place in sorted(self.indices):
            found.update(json.dumps([self.samples[place].id, self.indices[place]]).encode())
        return found.hexdigest()

    def _note(self, place: int, indices: list[Any], damaged: bool) -> None:
        self.indices[place] = indices
        if damaged:
            self.damaged.add(place)

    def known_by(self, place: int) -> Sample:
        """The sample at a place, with the digest of its file where that is known."""
        sample = self.samples[place]
        return sample if sample.content else replace(sample, content=self._keys.get(place, ""))


def _allowed(error: str, config: RunConfig) -> str:
    """Why a video cannot be read, where such videos may be left out; else it ends the run."""
    if config.data.on_bad_video == "fail":
        raise RunFailed(f"{error} (--on-bad-video skip leaves such videos out)")
    return error
