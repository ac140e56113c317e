"""Frozen causal language models of transformers, read at query vectors instead of generating text."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .checkpoint import WeightsError, tensors_digest

SHAPES_LM = "shapes-lm"
_REMEMBERED = 4096  # texts whose keys and values are kept


class LanguageModel:
    """A causal language model with its tokenizer: frozen, in evaluation mode, outside of any module.

    It is no `nn.Module`, so that it enters no state dict and no optimiser: its name and digest say
    what it is.

    Attributes:
        name: what it was asked for as; width: size h of its embeddings and hidden states.
    """

    def __init__(self, name: str, model: Any, tokenizer: Any):
        self.name = name
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.width = int(model.get_input_embeddings().weight.shape[1])
        self._memory: dict[str, Tensor] = {}
        takes = inspect.signature(model.base_model.forward).parameters
        self._takes_positions = "position_ids" in takes

    @cached_property
    def sha256(self) -> str:
        """Digest of its tensors."""
        return tensors_digest(self.model.state_dict())

    def apply(self, change: Callable[[Tensor], Tensor]) -> None:
        """Move its tensors, as `nn.Module._apply` does; what was remembered is forgotten."""
        self.model._apply(change)
        self._memory.clear()

    def read(self, texts: Sequence[str], prefix: Tensor, queries: Tensor) -> Tensor:
        """Last hidden states at the queries of [prefix, text, queries], one forward pass over all of it.

        Texts of different lengths share a batch: the gap after a shorter one is masked and takes no
        positions.

        Args:
            texts: N texts.
            prefix: [A, K, h] vectors before the text; with K = 0 the text starts with the model's own
                start token, where it has one.
            queries: [M, h] vectors after it.

        Returns:
            [A, N, M, h].
        """
        sets, k = prefix.shape[:2]
        ids, lengths = self._ids(texts, k + len(queries), start=k == 0)
        words = self.model.get_input_embeddings()(ids)
        n, kind = len(texts), words.dtype
        parts = (
            prefix.to(kind)[:, None].expand(-1, n, -1, -1),
            words.expand(sets, -1, -1, -1),
            queries.to(kind).expand(sets, n, -1, -1),
        )
        mask, positions = _layout(k, lengths, ids.shape[1], len(queries), ids.device)
        out = self._run(
            inputs_embeds=torch.cat(parts, 2).flatten(0, 1),
            attention_mask=mask.repeat(sets, 1),
            position_ids=positions.repeat(sets, 1),
            use_cache=False,
        )
        states: Tensor = out.last_hidden_state[:, -len(queries) :].unflatten(0, (sets, n))
        return states

    def read_after(self, texts: Sequence[str], queries: Tensor) -> Tensor:
        """What `read` gives without a prefix, from remembered keys and values of the texts: [N, M, h].

        Only the queries run through the model; a text runs once, the first time it is seen.
        """
        from transformers import DynamicCache

        self._remember(list(dict.fromkeys(texts)), queries)
        kept = [self._memory[text] for text in texts]
        lengths = [len(x) for x in kept]
        padded = pad_sequence(kept, batch_first=True)  # [N, L, layers, 2, heads, d]
        cache = DynamicCache()
        for layer in range(padded.shape[2]):
            keys, values = padded[:, :, layer].permute(2, 0, 3, 1, 4)
            cache.update(keys, values, layer)
        mask, positions = _layout(0, lengths, padded.shape[1], len(queries), padded.device)
        out = self._run(
            inputs_embeds=queries.to(padded.dtype).expand(len(texts), -1, -1),
            attention_mask=mask,
            position_ids=positions[:, -len(queries) :],
            past_key_values=cache,
            use_cache=True,
        )
        states: Tensor = out.last_hidden_state
        return states

    @torch.inference_mode(False)  # training may go on with what an evaluation remembered
    @torch.no_grad()
    def _remember(self, texts: list[str], queries: Tensor) -> None:
        """See that keys and values [L, layers, 2, heads, d] of texts are kept, in full precision."""
        if len(self._memory.keys() | set(texts)) > _REMEMBERED:
            self._memory = {text: x for text, x in self._memory.items() if text in texts}
        texts = [text for text in texts if text not in self._memory]
        if not texts:
            return
        ids, lengths = self._ids(texts, len(queries), start=True)
        mask, positions = _layout(0, lengths, ids.shape[1], 0, ids.device)
        with torch.autocast(ids.device.type, enabled=False):
            out = self._run(
                input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True
            )
        layers = [torch.stack((x.keys, x.values)) for x in out.past_key_values.layers]
        table = torch.stack(layers).permute(2, 4, 0, 1, 3, 5)  # [N, L, layers, 2, heads, d]
        for text, row, length in zip(texts, table, lengths, strict=True):
            self._memory[text] = row[:length].clone()

    def _ids(self, texts: Sequence[str], others: int, start: bool) -> tuple[Tensor, list[int]]:
        """Token ids [N, L], zeros after the end of a text, and N numbers of them; cut to what fits."""
        rows: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        if start:
            first = self.tokenizer.bos_token_id
            first = self.tokenizer.eos_token_id if first is None else first
            rows = [([] if first is None else [first]) + row for row in rows]
            rows = [row or [0] for row in rows]  # an empty text, and no start token
        room = getattr(self.model.config, "max_position_embeddings", None)
        rows = [row[: None if room is None else max(room - others, 1)] for row in rows]
        device = self.model.get_input_embeddings().weight.device
        ids = pad_sequence([torch.tensor(row, dtype=torch.long) for row in rows], batch_first=True)
        return ids.to(device), [len(row) for row in rows]

    def _run(self, position_ids: Tensor, **inputs: Any) -> Any:
        if self._takes_positions:
            inputs["position_ids"] = position_ids
        return self.model.base_model(**inputs)


def _layout(
    before: int, numbers: Sequence[int], longest: int, after: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Mask and positions [N, before + longest + after] of texts that end in a gap, which counts nothing."""
    n, lengths = len(numbers), torch.tensor(numbers, device=device)
    inside = torch.arange(longest, device=device) < lengths[:, None]
    ones = torch.ones(n, before + after, dtype=torch.bool, device=device)
    mask = torch.cat((ones[:, :before], inside, ones[:, before:]), 1).long()
    front = torch.arange(before + longest, device=device).expand(n, -1)
    back = before + lengths[:, None] + torch.arange(after, device=device)
    return mask, torch.cat((front, back), 1)


def load_language_model(name: str) -> LanguageModel:
    """Load a causal language model in float32 by `shapes-lm`, a folder, or a name on the model hub.

    Only safetensors are read, and no code that comes with a model is run.

    Raises:
        WeightsError: it cannot be found, fetched or read, has no safetensors, or lacks tensors.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    place = name
    if name == SHAPES_LM:
        place = str(resources.files(__package__) / "weights" / "shapes_lm")
    elif Path(name).is_dir() and not list(Path(name).glob("*.safetensors")):
        raise WeightsError(f"language model {name!r} is a folder without safetensors")
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            place,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    except Exception as error:  # transformers, the hub client and safetensors raise many kinds
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(
            f"language model {name!r} cannot be loaded, options.language_model wants the name or the "
            f"folder of a causal language model in safetensors: {reason}"
        ) from None
    finally:
        if bars:
            logging.enable_progress_bar()
    model, info = loaded
    lost = sorted(info["missing_keys"]) + sorted(str(k) for k in info["mismatched_keys"])
    if lost:
        raise WeightsError(
            f"the weights of language model {name!r} lack {len(lost)} tensors, or have them in another "
            f"shape ({', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''})"
        )
    return LanguageModel(name, model, tokenizer)
