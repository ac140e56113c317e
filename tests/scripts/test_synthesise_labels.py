"""scripts/synthesise_labels.py with a tiny model of random weights; JSON-lines files; merging labels."""

import json

import av
import numpy as np
import pytest
import torch
from script_modules import load_script
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.jsonl import JsonLines, read_rows

CHAT = (
    "{% for m in messages %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %} Answer: {% endif %}"
)


def labels_of(path):
    """The labels of each video, in the order of the file."""
    return {row["video"]: tuple(row["labels"]) for _, row in read_rows(path)}


@pytest.fixture(scope="module")
def script():
    return load_script("synthesise_labels")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A LLaVA of random weights that answers at random, in a folder."""
    folder = tmp_path_factory.mktemp("llava")
    torch.manual_seed(3)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = ["<s>", "<pad>", "<image>", *alphabet]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(names)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="<s>", pad_token="<pad>"
    )
    fast.add_special_tokens({"additional_special_tokens": ["<image>"]})
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
        projection_dim=16,
    )
    text = LlamaConfig(
        vocab_size=len(names),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=1024,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=1,
        initializer_range=0.5,
    )
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=2)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    processor = LlavaProcessor(
        image_processor=images,
        tokenizer=fast,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=CHAT,
        image_token="<image>",
        num_additional_image_tokens=1,
    )
    processor.save_pretrained(folder)
    return folder


def write_video(path, seed, frames=6):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(seed)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=12)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(frames):
            pixels = np.full((32, 32, 3), rng.randint(256), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        out.mux(stream.encode())


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    for n in range(5):
        write_video(folder / f"part{n % 2}" / f"{n}.mp4", n)
    return folder


def run(script, model, videos, out, *more):
    flags = ["--frames", "3", "--batch", "2", "--max-new-tokens", "12", "--device", "cpu"]
    return script.main([str(videos), "--model", str(model), "--out", str(out), *flags, *more])


IDS = ["part0/0.mp4", "part0/2.mp4", "part0/4.mp4", "part1/1.mp4", "part1/3.mp4"]


def test_labels_every_video_once_and_takes_up_again(script, model, videos, tmp_path, capsys):
    out = tmp_path / "made" / "labels.jsonl"
    assert run(script, model, videos, out) == 0
    whole = out.read_bytes()
    found = labels_of(out)
    assert list(found) == IDS
    lines = whole.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:3]) + lines[3][:9])  # broken off while it was written
    assert run(script, model, videos, out) == 0
    assert labels_of(out).keys() == found.keys()
    assert out.read_bytes().startswith(b"".join(lines[:3]))
    error = capsys.readouterr().err
    assert "the last line was cut off" in error
    assert "3 of them done before" in error
    before = out.read_bytes()
    assert run(script, "of-nobody", videos, out) == 2  # made by another model
    assert "was begun with another model" in capsys.readouterr().err
    assert run(script, model, videos, out) == 0
    assert out.read_bytes() == before


def test_answer_of_a_model_becomes_labels(script, model, videos, tmp_path, monkeypatch):
    seen = []

    def answers(self, clips, prompt, tokens, temperature):
        seen.append([len(frames) for frames in clips])
        return ['["Opening a door", "kitchen"]' for _ in clips]

    monkeypatch.setattr(script.Labeller, "answers", answers)
    assert run(script, model, videos, tmp_path / "x.jsonl") == 0
    assert seen == [[3, 3], [3, 3], [3]]
    assert set(labels_of(tmp_path / "x.jsonl").values()) == {("opening a door", "kitchen")}


def found(script, videos):
    return list(script.find_videos([videos]).values())


def test_answers_do_not_repeat_the_question_and_do_not_depend_on_the_batch(script, model, videos):
    labeller = script.Labeller(str(model), "cpu", "float32")
    clips = [script.frames_of(path, 3) for path in found(script, videos)[:3]]
    said = labeller.answers(clips, "what is there?", 8, 0.0)
    assert len(said) == 3
    assert not any("what is there" in text for text in said)
    assert [labeller.answers([c], "what is there?", 8, 0.0)[0] for c in clips] == said


def test_model_without_a_chat_gets_one_sheet(script, model, videos, monkeypatch):
    labeller = script.Labeller(str(model), "cpu", "float32")
    seen = []

    def processor(text, images, **more):
        seen.append((text, [image.size for image in images]))
        raise KeyError("enough")

    processor.chat_template = None
    labeller.processor = processor
    clips = [script.frames_of(path, 5) for path in found(script, videos)[:2]]
    with pytest.raises(KeyError):
        labeller.answers(clips, "what?", 8, 0.0)
    assert seen == [(["what?"] * 2, [(96, 64)] * 2)]


def test_bad_videos_are_left_out(script, model, videos, tmp_path, capsys):
    (videos / "part0" / "2.mp4").write_bytes(b"no video")
    assert run(script, model, videos, tmp_path / "a.jsonl") == 0
    assert list(labels_of(tmp_path / "a.jsonl")) == [i for i in IDS if i != "part0/2.mp4"]
    assert "1 videos could not be read" in capsys.readouterr().err
    assert run(script, model, videos, tmp_path / "a.jsonl", "--strict") == 1


def test_csv_list(script, model, videos, tmp_path):
    listing = videos / "list.csv"
    listing.write_text("path,label\npart1/1.mp4,x\n")
    assert run(script, model, listing, tmp_path / "b.jsonl") == 0
    assert list(labels_of(tmp_path / "b.jsonl")) == ["part1/1.mp4"]


def test_errors_are_one_sentence(script, model, videos, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "c.jsonl"
    (tmp_path / "empty").mkdir()
    for source, name, word in (
        (tmp_path / "nowhere", model, "there is no file or folder"),
        (tmp_path / "empty", model, "no videos in"),
        (videos, tmp_path / "no-model", "--model wants the name or the folder"),
    ):
        assert run(script, name, source, out) == 2
        error = capsys.readouterr().err
        assert word in error
        assert "Traceback" not in error
        (tmp_path / "c.jsonl.settings.json").unlink(missing_ok=True)
    out.write_text("{}\n")
    assert run(script, model, videos, out) == 2
    assert "c.jsonl, line 1: the id of the video is wanted" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        run(script, model, videos, out, "--frames", "0")


@pytest.mark.parametrize(
    ("answer", "labels"),
    [
        ('["Opening a door", "kitchen", "kitchen"]', ["opening a door", "kitchen"]),
        ('Sure! ["a cat", "sofa", "slee', ["a cat", "sofa"]),
        ('["say \\"hi\\"", "42", ""]', ['say \\"hi\\']),
        ("1. A dog.\n2) a red ball\n- grass\n• sky", ["a dog", "a red ball", "grass", "sky"]),
        ("running, jumping; sitting", ["running", "jumping", "sitting"]),
        ("this is a very long sentence that goes on and on", []),
        ("", []),
        ("Küche, été", ["küche", "été"]),
    ],
)
def test_parse(script, answer, labels):
    assert script.parse(answer, 16) == labels


def test_parse_keeps_at_most_so_many(script):
    assert script.parse("a, b, c", 2) == ["a", "b"]


# --- files of JSON lines


def test_json_lines(tmp_path):
    path = tmp_path / "deep" / "x.jsonl"
    lines = JsonLines(path)
    assert lines.done == set()
    lines.append([{"video": "é 1", "labels": ["a"]}, {"video": "2", "labels": []}])
    lines.append([])
    again = JsonLines(path)
    assert again.done == lines.done == {"é 1", "2"}
    assert not again.repaired
    for rows in ([{"video": "2"}], [{"video": "3"}, {"video": "3"}], [{"labels": []}]):
        with pytest.raises(ValueError, match=r"already in|needs the id"):
            again.append(rows)
    assert [row["video"] for _, row in read_rows(path)] == ["é 1", "2"]


@pytest.mark.parametrize(
    ("tail", "repaired", "done"),
    [
        (b'{"video": "b"', True, {"a"}),
        ('{"video": "é'.encode()[:-1], True, {"a"}),
        (b'{"video": "b"}', False, {"a", "b"}),
        (b"", False, {"a"}),
    ],
)
def test_last_line_is_mended(tmp_path, tail, repaired, done):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"video": "a"}\n' + tail)
    lines = JsonLines(path)
    assert (lines.repaired, lines.done) == (repaired, done)
    lines.append([{"video": "c"}])
    assert JsonLines(path).done == done | {"c"}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"video": "a"}\nnothing\n{"video": "b"}\n', r"line 2: this is not JSON"),
        ("[1]\n", r"line 1: an object is wanted"),
        ('{"video": 3}\n', r"line 1: the id of the video"),
        ('{"video": "a"}\n\n{"video": "a"}\n', r"line 3: the video 'a' is already in line 1"),
    ],
)
def test_bad_rows_name_the_line(tmp_path, text, match):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(DatasetError, match=match):
        JsonLines(path)
    with pytest.raises(DatasetError, match=match):
        list(read_rows(path))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "x.jsonl"
    with pytest.raises(DatasetError, match="there is no file"):
        list(read_rows(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match="not UTF-8"):
        list(read_rows(path))


def test_rows_are_json(tmp_path):
    JsonLines(tmp_path / "x").append([{"video": "a\nb", "labels": ["ü"]}])
    assert json.loads((tmp_path / "x").read_text("utf-8")) == {"video": "a\nb", "labels": ["ü"]}
