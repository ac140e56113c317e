"""Tiny language models of random weights, in folders."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedTokenizerFast,
)


def tiny_language_model(folder, kind="llama"):
    """A causal language model with random weights and a tokenizer of bytes, in a folder."""
    torch.manual_seed(7)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    table = {token: i for i, token in enumerate(["<s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=table, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>").save_pretrained(folder)
    ends = {"bos_token_id": 0, "eos_token_id": 0, "vocab_size": len(table)}
    if kind == "llama":
        config = LlamaConfig(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=96,
            initializer_range=0.3,
            **ends,
        )
    else:
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96}
        config = GPT2Config(initializer_range=0.3, **sizes, **ends)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session", params=["llama", "gpt2"])
def any_language_model(request, tmp_path_factory):
    return tiny_language_model(tmp_path_factory.mktemp("lm"), request.param)


@pytest.fixture(scope="session")
def language_model(tmp_path_factory):
    return tiny_language_model(tmp_path_factory.mktemp("lm"))
