"""Retrieval: captions find their video among all, and videos their captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import shapes
from .lists import VideoList
from .metric import Metric
from .published import CAPTIONS, Published, folders
from .split import Data, Plan, Split

_METRIC = (
    "R@1, R@5, R@10 (%), median and mean rank, text to video and video to text; ties count against the "
    "query; dsl_: after the dual softmax, which uses the whole test set at once"
)


@dataclass(frozen=True)
class RetrievalShapes(shapes.ShapesProtocol):
    """640 clips with one to three objects to train on, 400 to be found by their captions."""

    def plan(self, variant: str, seed: int, data: Data) -> Plan:
        """The training clips and the test clips, each with its caption."""
        test = self._captioned("ret-test", "test", data)
        train = self._captioned("ret-train", "ret-train", data)
        return Plan(variant, (test,), train, source=shapes.split("source", data))

    def _captioned(self, world: str, name: str, data: Data) -> Split:
        annotated = self.annotate(shapes.scenes(world, data), data)
        return replace(annotated, name=name, kind="captions")

    def summarise(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Nothing beyond the one split."""
        return []


def _published(
    dataset: str,
    title: str,
    train: str,
    test: str = "test",
    suffix: str = "",
    coverage: float = 1.0,
    clean: str = "",
    distinct: bool = False,
    reader: tuple[tuple[str, bool], ...] = (),
) -> Published:
    found = VideoList("test", dataset, test, kind="captions", distinct=distinct, reader=reader)
    return Published(
        id=f"ret-{dataset}{suffix}",
        summary=f"retrieval {title}",
        family="ret",
        dataset=dataset,
        metric=_METRIC,
        primary="t2v_r1",
        paper="" if clean else "Xue et al., ICLR 2023 (CLIP-ViP); Luo et al., 2021 (CLIP4Clip)",
        defaults=CAPTIONS,
        datasets=folders([found]),
        coverage=coverage,
        tests=(found,),
        training=VideoList(train, dataset, train, kind="captions", reader=reader),
        clean=clean,
    )


RET_SHAPES = RetrievalShapes(
    id="ret-shapes",
    summary="retrieval on Shapes: 400 clips with one to three objects, one caption each",
    family="ret",
    dataset="shapes",
    metric=_METRIC,
    primary="t2v_r1",
    defaults={**shapes.DEFAULTS, "prompts": ["{}"]},
)
RET_MSRVTT = _published("msrvtt", "MSR-VTT: 1k-A, trained on 9k", "train-9k")
RET_MSRVTT_7K = _published("msrvtt", "MSR-VTT: 1k-A, trained on 7k", "train-7k", suffix="-7k")
RET_MSRVTT_CLEAN = _published(
    "msrvtt",
    "MSR-VTT: 1k-A without its double captions, trained on 9k",
    "train-9k",
    suffix="-clean",
    distinct=True,
    clean="five captions of 1k-A belong to an earlier video too, so no method can find all; this one "
    "leaves these five videos out, 995 remain",
)
RET_DIDEMO = _published(
    "didemo", "DiDeMo: all descriptions of a video as one paragraph", "train", coverage=0.9
)
RET_DIDEMO_CLEAN = _published(
    "didemo",
    "DiDeMo: all descriptions of a video as one paragraph, those under a second file name too",
    "train",
    suffix="-clean",
    coverage=0.9,
    clean="descriptions of 33 test videos stand partly under the same name with another extension, and "
    "ret-didemo loses them; this one joins them too",
    reader=(("all_names", True),),
)
RET_LSMDC = _published("lsmdc", "LSMDC: 1,000 test clips", "train")
RET_ACTIVITYNET = _published(
    "activitynet",
    "ActivityNet Captions: all sentences of a video as one paragraph, val_1",
    "train",
    test="val_1",
    coverage=0.9,
)
RET_MSVD = _published(
    "msvd", "MSVD: every caption is a query, 670 test videos", "train", coverage=0.9
)
