"""A run's videos as points in the plane: t-SNE of the features that the run left in its store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...leaderboard.record.record import Record
from ..errors import RunFailed
from ..score.evaluate import patch
from ..score.feature_store import FeatureStore, content_key, encoding_parts
from ..train import trainings
from .rerun import Again, Here

MOST = 1000  # videos; a picture of more shows no more
LIMIT = 32767  # the largest int16


def feature_map(record: Record, ids: Sequence[str], root: Path, here: Here) -> NDArray[np.int16]:
    """t-SNE of the video features of a record's first split, [N, 2], scaled to +-32767.

    van der Maaten and Hinton, JMLR 2008, with scikit-learn's defaults from a PCA start. Features are the
    mean over the views of a video; they are read from the store, never computed.

    Args:
        ids: the videos, in the order of the predictions.
        root: the folder of runs that holds the record, with `features` and `trainings`.

    Raises:
        RunFailed: too many videos, or features that are not there; one sentence.
    """
    if record.data[record.identity.protocol.splits[0]].kind != "classes":
        raise RunFailed("maps are of videos with classes")
    if not 3 < len(ids) <= MOST:
        raise RunFailed(f"maps are of 4 to {MOST:,} videos, and the first split has {len(ids):,}")
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise RunFailed("maps need scikit-learn: pip install scikit-learn") from None
    found = features(record, ids, root, here)

    # as many neighbours as usual, fewer where there are few videos
    perplexity = min(30.0, (len(ids) - 1) / 3)
    places: NDArray[np.float32] = TSNE(
        perplexity=perplexity, init="pca", random_state=0
    ).fit_transform(found)
    places = places - places.mean(0)
    scaled: NDArray[np.int16] = np.round(places * (LIMIT / np.abs(places).max())).astype(np.int16)
    return scaled


def features(record: Record, ids: Sequence[str], root: Path, here: Here) -> NDArray[np.float32]:
    """Features [N, D] of the videos of the first split, from the store of the run.

    Raises:
        RunFailed: the weights or some features are not there, or are no single rows.
    """
    session = Again(record, here, root, "auto")
    plan, _ = session.plan()
    device = session.device()
    plan.method.to(device).eval()
    for planned in plan.stages:
        if not trainings.is_done(root, planned):
            raise RunFailed(f"the training {planned.id} of the run is not in {root}")
        trainings.obtain(root, plan, planned, [], device, lambda step, values: None)
    if plan.identity.eval.patching is not None:
        patch(plan.method, plan.patching)
    if not any(True for _ in plan.method.parameters()):
        raise RunFailed("a method without weights has no features")
    samples = {sample.id: sample for sample in plan.lists.evaluate[0].samples}
    paths = [samples[id].path for id in ids if id in samples]
    keys = [content_key(path) for path in paths if path is not None and path.is_file()]
    with FeatureStore(root / "features", encoding_parts(plan, device)) as store:
        entries = store.get(list(dict.fromkeys(keys)))
    there = [entries[key].features for key in keys if key in entries]
    if len(there) < len(ids):
        raise RunFailed(
            f"{root / 'features'} has features of {len(there)} of {len(ids)} videos by these weights "
            "and this code"
        )
    rows = [part.float().mean(0) for part in there if isinstance(part, torch.Tensor)]
    if len(rows) < len(there) or any(row.ndim != 1 for row in rows):
        raise RunFailed("the method's features are no single rows")
    return torch.stack(rows).numpy()
