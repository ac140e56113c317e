"""Whether a training is limited by its videos is said, with what would help."""

from vclipbench.bench.config.resolve import resolve_config
from vclipbench.bench.run.training_videos import say_what_limits


def told(capsys, waited, took, workers=2):
    config = resolve_config("vifi", "b2n-shapes", flags={"data.workers": workers}).config
    say_what_limits("training", waited, took, config)
    return " ".join(capsys.readouterr().out.split())


def test_what_limits_a_training_is_said(capsys):
    assert told(capsys, 50, 100) == (
        "training: waited for videos 50% of its time; about data.workers=4 instead of 2 would end "
        "that, if there are cores for them"
    )
    assert "data.workers=1 instead of 0" in told(capsys, 90, 100, workers=0)
    assert told(capsys, 10, 100) == ""
    assert told(capsys, 5, 10) == ""
