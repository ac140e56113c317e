"""Metrics: plain functions of arrays, no network in sight; every value is a statistic of items.

A metric has one definition: a function that makes its items, with the rule by which they are a number,
and the `Metric` from them. Intervals, tests and ranks resample the same items. numpy only, scipy late.
"""

from ..metric import JOINTS, Items, Key, Metric, Number
from .accuracy import (
    GROUPS_WITHIN_CLASS,
    TIE_RULE,
    accuracy,
    among,
    harmonic_mean,
    harmonic_metric,
    mean_metric,
    per_class_accuracy,
    ranks,
    sources,
)
from .finite import NotFinite, require_finite
from .items import joined, measured, value_of
from .multilabel import (
    average_precision,
    best_f1,
    calibration_error,
    f1_at,
    label_metrics,
    multilabel_metrics,
    open_vocabulary_metrics,
    per_label_average_precision,
)
from .retrieval import (
    TIE_RULES,
    Ranking,
    best_caption,
    caption_metrics,
    dsl_metrics,
    dual_softmax,
    ranking,
    rankings,
    retrieval_metrics,
)

__all__ = [
    "GROUPS_WITHIN_CLASS", "JOINTS", "TIE_RULE", "TIE_RULES", "Items", "Key", "Metric", "NotFinite",
    "Number", "Ranking", "accuracy", "among", "average_precision", "best_caption", "best_f1",
    "calibration_error", "caption_metrics", "dsl_metrics", "dual_softmax", "f1_at",
    "harmonic_mean", "harmonic_metric", "joined", "label_metrics", "mean_metric", "measured",
    "multilabel_metrics", "open_vocabulary_metrics", "per_class_accuracy",
    "per_label_average_precision", "ranking", "rankings", "ranks", "require_finite",
    "retrieval_metrics", "sources", "value_of",
]  # fmt: skip
