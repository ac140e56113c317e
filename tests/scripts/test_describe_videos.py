"""scripts/describe_videos.py with tiny models of random weights; the reader of its file."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from script_modules import load_script
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from vclipbench.datasets.descriptions import read_descriptions
from vclipbench.datasets.errors import DatasetError

SCRIPT = Path(__file__).parents[2] / "scripts" / "describe_videos.py"
CHAT = "{% for m in messages %}[user] {{ m['content'] }}{% endfor %} [assistant]"
WORDS = [
    *("a", "the", "star", "circle", "moves", "left", "right", "video", "frames", "red", "blue"),
    *".1234",
]


@pytest.fixture(scope="module")
def script():
    return load_script("describe_videos")


def tokenizer(**more):
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(names)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", **more)


def captioner_in(folder):
    torch.manual_seed(0)
    small = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    special = {"bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    config = BlipConfig(
        text_config={
            **small,
            **special,
            "vocab_size": 4 + len(WORDS),
            "encoder_hidden_size": 16,
            "max_position_embeddings": 64,
        },
        vision_config={**small, "image_size": 16, "patch_size": 8},
        projection_dim=16,
    )
    BlipForConditionalGeneration(config).save_pretrained(folder)
    words = tokenizer(pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]")
    BlipProcessor(BlipImageProcessor(size={"height": 16, "width": 16}), words).save_pretrained(
        folder
    )
    return folder


def llm_in(folder, chat):
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=4 + len(WORDS),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
        bos_token_id=2,
        eos_token_id=3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words = tokenizer(eos_token="[SEP]")
    words.chat_template = CHAT if chat else None
    words.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models_(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "captioner": captioner_in(folder / "blip"),
        "chat": llm_in(folder / "chat", True),
        "plain": llm_in(folder / "plain", False),
    }


def write_video(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        for _ in range(6):
            frame = av.VideoFrame.from_ndarray(rng.randint(0, 256, (32, 32, 3)).astype(np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def videos(tmp_path):
    root = tmp_path / "videos"
    for i, name in enumerate(("left/a.mp4", "left/b.mp4", "right/c.mp4")):
        write_video(root / name, i)
    return root


@pytest.fixture
def run(script, models_, tmp_path):
    def call(*arguments, llm="chat", out=tmp_path / "out" / "d.jsonl"):
        names = ["--captioner", models_["captioner"], "--llm", models_[llm], "--out", out]
        short = ["--frames", 4, "--tokens", 6, "--caption-tokens", 5, "--device", "cpu"]
        return script.main([str(a) for a in (*arguments, *names, *short)])

    return call


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("llm", ["chat", "plain"])
def test_a_folder_is_described(run, videos, tmp_path, llm):
    assert run(videos, "--batch-size", 2, llm=llm) == 0
    rows = lines(tmp_path / "out" / "d.jsonl")
    assert [row["video"] for row in rows] == ["left/a.mp4", "left/b.mp4", "right/c.mp4"]
    assert all(len(row["captions"]) == 2 for row in rows)  # every second of 4 frames
    assert all(any(row["captions"]) for row in rows)
    assert all(row["description"] for row in rows)
    read = read_descriptions(tmp_path / "out" / "d.jsonl")
    assert read == {row["video"]: row["description"] for row in rows}


def test_the_size_of_batches_changes_nothing(run, videos, tmp_path):
    for size in (1, 3):
        assert run(videos, "--batch-size", size, out=tmp_path / f"{size}.jsonl") == 0
    assert lines(tmp_path / "1.jsonl") == lines(tmp_path / "3.jsonl")


def test_what_is_done_is_not_done_again(run, videos, tmp_path, monkeypatch, script, capsys):
    out = tmp_path / "out" / "d.jsonl"
    assert run(videos) == 0
    whole = out.read_text()
    first, second, _ = whole.splitlines(keepends=True)
    out.write_text(first + second[:20])
    read = []
    frames_of = script.frames_of
    monkeypatch.setattr(script, "frames_of", lambda p, n: read.append(p.name) or frames_of(p, n))
    assert run(videos) == 0
    assert read == ["b.mp4", "c.mp4"]
    assert out.read_text() == whole
    assert "cut off" in capsys.readouterr().err
    monkeypatch.setattr(script, "Captioner", None)  # nothing left: no model is loaded
    assert run(videos) == 0
    assert "3 of 3 videos are described" in capsys.readouterr().out


def test_other_settings_need_another_file(run, videos, tmp_path, capsys):
    assert run(videos / "left") == 0
    assert run(videos, "--caption-step", 1) == 2
    assert "begun with another caption_step" in capsys.readouterr().err


def test_a_broken_video_is_left_out(run, videos, tmp_path, capsys):
    (videos / "left" / "broken.mp4").write_bytes(b"no video")
    assert run(videos) == 0
    errors = capsys.readouterr().err
    assert "broken.mp4" in errors
    assert "1 could not be read" in errors
    assert len(lines(tmp_path / "out" / "d.jsonl")) == 3
    assert run(videos, "--strict") == 1


def test_temperature_draws_by_the_seed(run, videos, tmp_path):
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / f"{name}.jsonl"
        assert run(videos, "--temperature", 1.5, "--seed", seed, out=out) == 0
        drawn.append([row["description"] for row in lines(out)])
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_lists_and_files(script, videos, tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("path,label\nvideos/right/c.mp4,right\nvideos/left/a.mp4,left\n")
    assert list(script.find_videos([table])) == ["videos/right/c.mp4", "videos/left/a.mp4"]
    names = tmp_path / "list.txt"
    names.write_text("left/b.mp4\n\n")
    found = script.find_videos([names, videos / "left" / "a.mp4"], videos)
    assert found == {"left/b.mp4": videos / "left/b.mp4", "a.mp4": videos / "left/a.mp4"}
    with pytest.raises(DatasetError, match="have the same id"):
        script.find_videos([videos / "left", videos / "left" / ".." / "left" / "a.mp4"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no file or folder nowhere"),
        ([SCRIPT], "is no folder, no .csv or .txt list and no video file"),
        ([SCRIPT.parent], "no videos in"),
    ],
)
def test_videos_that_are_not_there(run, capsys, arguments, message):
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err


def test_a_model_that_is_not_there(script, models_, videos, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    names = ["--captioner", tmp_path / "empty", "--llm", models_["chat"], "--out", tmp_path / "d"]
    assert script.main([str(a) for a in (videos, *names, "--device", "cpu")]) == 2
    assert "cannot load --captioner" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--frames", "--batch-size", "--tokens"])
def test_numbers_below_one(script, option, capsys):
    with pytest.raises(SystemExit):
        script.main(["v", "--captioner", "a", "--llm", "b", "--out", "c", option, "0"])
    assert f"{option} must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{nonsense\n", "line 1: this is not JSON"),
        ('{"video": "a", "description": "x"}\n{"video": "b"}\n', "line 2: a text is wanted"),
        ('{"description": "x"}\n', "line 1: the id of the video"),
        (
            '{"video": "a", "description": ""}\n\n{"video": "a"}\n',
            "line 3: the video 'a' is already",
        ),
    ],
)
def test_files_of_descriptions_that_are_wrong(tmp_path, text, message):
    path = tmp_path / "d.jsonl"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_descriptions(path)


def test_descriptions_are_in_one_line(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text(
        '{"video": "a", "description": " one\\n two "}\n{"video": "b", "description": ""}'
    )
    assert read_descriptions(path) == {"a": "one two", "b": ""}
    with pytest.raises(DatasetError, match="there is no file"):
        read_descriptions(tmp_path / "none.jsonl")
