"""The language model of the Shapes world: its text, its tokenizer, its weights as shipped."""

import json
from importlib import resources
from pathlib import Path

import pytest
import torch
from script_modules import load_script
from vclipbench.datasets.shapes.text import vocabulary
from vclipbench.datasets.shapes.world import BACKGROUNDS, COLOURS, MOTIONS, SHAPES
from vclipbench.methods.language_model import load_language_model

FOLDER = Path(str(resources.files("vclipbench.methods"))) / "weights" / "shapes_lm"


@pytest.fixture(scope="module")
def script():
    return load_script("train_shapes_lm")


@pytest.fixture(scope="module")
def lm():
    return load_language_model("shapes-lm")


def test_text_is_a_function_of_its_address(script):
    texts = [script.sentence("train", i) for i in range(200)]
    assert texts == [script.sentence("train", i) for i in range(200)]
    assert texts != [script.sentence("test", i) for i in range(200)]
    assert len(set(texts)) > 100
    assert texts[0] == texts[0].lower()


def test_every_word_of_the_world_is_explained(script):
    for facts, words in (
        (script.SHAPE_FACTS, SHAPES),
        (script.COLOUR_FACTS, COLOURS),
        (script.BACKGROUND_FACTS, BACKGROUNDS),
        (script.MOTION_FACTS, MOTIONS),
    ):
        assert set(facts) == set(words)
        assert all(facts.values())


def test_shipped_files_are_small_and_loaded_in_float32(lm):
    assert sum(f.stat().st_size for f in FOLDER.iterdir() if f.is_file()) < 5_000_000
    assert {p.dtype for p in lm.model.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in lm.model.parameters())
    assert not lm.model.training
    assert len(lm.sha256) == 64


def test_every_text_can_be_read_and_written_back(lm):
    for text in ("a red star moving left", "Ünïcode 日本語 🎈", "?!\n\t", *vocabulary()):
        ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert lm.tokenizer.decode(ids).removeprefix(" ") == text.removeprefix(" ")
        assert max(ids) < lm.model.config.vocab_size
    words = lm.tokenizer("a red star moving left", add_special_tokens=False)["input_ids"]
    assert len(words) == 5  # words of the world are single tokens


def loss(lm, text):
    row = torch.tensor([[0, *lm.tokenizer(text, add_special_tokens=False)["input_ids"], 1]])
    with torch.inference_mode():
        return float(lm.model(input_ids=row, labels=row).loss)


def test_card_holds_what_was_measured(script, lm):
    card = json.loads((FOLDER / "card.json").read_text())
    assert card["held_out_perplexity"] < 0.1 * card["unigram_perplexity"]
    rows = script.packed(lm.tokenizer, [script.sentence("test", i) for i in range(300)])
    assert script.perplexity(lm.model, rows) == pytest.approx(card["held_out_perplexity"], rel=0.1)


@pytest.mark.parametrize(
    ("label", "true", "false"),
    [
        ("something moving left", "it goes from right to left", "it goes from left to right"),
        ("something growing", "it starts small and ends large", "it starts large and ends small"),
        ("something shrinking", "it is the opposite of growing", "it is the opposite of moving up"),
        ("a triangle", "it has three corners", "it has four corners"),
        ("something red", "it is a warm colour", "it is a cold colour"),
        ("a dotted background", "it has many small dots", "it has light and dark grey stripes"),
    ],
)
def test_it_knows_the_world(lm, label, true, false):
    assert loss(lm, f"{label}: {true}.") < loss(lm, f"{label}: {false}.")


def test_hidden_states_tell_words_apart(lm):
    names = [f"{c} {s} {m}" for c in ("red", "blue") for s in SHAPES[:3] for m in MOTIONS[:4]]
    queries, prefix = torch.zeros(1, lm.width), torch.zeros(1, 0, lm.width)
    with torch.inference_mode():
        hidden = lm.read(names, prefix, queries)[0, :, 0]
    hidden = torch.nn.functional.normalize(hidden - hidden.mean(0), dim=-1)
    assert float((hidden @ hidden.T - torch.eye(len(hidden))).max()) < 0.99
