"""What of a stage's settings stands in the identity of a run."""

from vclipbench.bench.config.schema import AugmentSettings, Train
from vclipbench.bench.plan.stages import StagePlan
from vclipbench.bench.plan.steps import Steps
from vclipbench.methods.base import Stage
from vclipbench.protocols.split import Sample, Split


def augment(**settings):
    """The augmentation, as the identity has it."""
    train = Train(augment=AugmentSettings(**settings))
    split = Split("train", ("a", "b"), (Sample("1", None), Sample("2", None, 1)))
    steps = Steps.of(2, train.epochs, 2, None)
    return StagePlan(Stage("s", ("*",)), split, train, ("{}.",), steps, {}, "", "").describe()[
        "augment"
    ]


def test_an_arithmetic_that_is_the_default_is_not_in_identities():
    """Else every run of before would have another id."""
    assert sorted(augment()) == [
        "brightness",
        "contrast",
        "flip",
        "grey",
        "hue",
        "jitter",
        "jitter_per_frame",
        "multiscale",
        "saturation",
        "short_side",
    ]
    assert augment(arithmetic="float") == augment()
    assert augment(arithmetic="pil") == {**augment(), "arithmetic": "pil"}
