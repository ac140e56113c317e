"""Describe videos by models: captions of single frames, merged into one description by a language model.

    python scripts/describe_videos.py VIDEOS... --captioner MODEL --llm MODEL --out descriptions.jsonl

VIDEOS are folders, CSV lists (path,label), text lists (a path a line) or video files. One JSON line a
video: {"video": id, "captions": [...], "description": ...}; ids are those of a run on the same folder or
list. Videos that the file already holds are passed over, so a run that was broken off goes on. See
docs/describe-videos.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from annotating import find_videos, frames_of, keep_settings
from PIL import Image
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.jsonl import JsonLines
from vclipbench.datasets.video.read import VideoError

PROMPT = (
    "These are captions of frames of one video, in the order of time. A program that saw one frame at a "
    "time wrote them, so they may repeat or contradict each other.\n\n{captions}\n\n"
    "Say in one short sentence what happens in the whole video. Do not speak of frames or captions."
)
SETTINGS = (
    *("captioner", "llm", "frames", "caption_step", "caption_prompt", "caption_tokens"),
    *("tokens", "temperature", "seed", "dtype"),
)
"""What the descriptions depend on."""
LEAD = "\n\nThe video shows"  # how the answer starts, for models without a chat template


class Failed(Exception):
    """The run cannot go on; one sentence that says why."""


def generation(tokens: int, temperature: float) -> dict[str, Any]:
    """Arguments of `generate`: at most so many new tokens; temperature 0 takes the likeliest token."""
    drawn = {"do_sample": True, "temperature": temperature}
    return {"max_new_tokens": tokens} | (drawn if temperature else {"do_sample": False})


class Captioner:
    """An image captioner or a multimodal chat model of transformers."""

    def __init__(self, name: str, place: dict[str, Any], generation: dict[str, Any], prompt: str):
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self.processor = loaded(AutoProcessor.from_pretrained, "captioner", name)
        model = loaded(
            AutoModelForImageTextToText.from_pretrained, "captioner", name, dtype=place["dtype"]
        )
        self.model = model.to(place["device"]).eval()
        self.generation, self.prompt = generation, prompt
        self.tokenizer = getattr(self.processor, "tokenizer", self.processor)
        self.tokenizer.padding_side = "left"

    def __call__(self, images: Sequence[Image.Image]) -> list[str]:
        """One caption for each image."""
        inputs = self._inputs(images).to(self.model.device, self.model.dtype)
        with torch.inference_mode():
            tokens = self.model.generate(**inputs, **self.generation)
        given = inputs.get("input_ids")
        # chat models repeat the question before their answer, encoder-decoder models do not
        if given is not None and tokens[:, : given.shape[1]].equal(given):
            tokens = tokens[:, given.shape[1] :]
        return [tidy(t) for t in self.tokenizer.batch_decode(tokens, skip_special_tokens=True)]

    def _inputs(self, images: Sequence[Image.Image]) -> Any:
        if getattr(self.processor, "chat_template", None):
            question = self.prompt or "Describe this image in one sentence."
            content = [{"type": "image"}, {"type": "text", "text": question}]
            text = self.processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True
            )
            nested, texts = [[image] for image in images], [text] * len(images)
            return self.processor(images=nested, text=texts, padding=True, return_tensors="pt")
        text = {"text": [self.prompt] * len(images), "padding": True} if self.prompt else {}
        return self.processor(images=list(images), return_tensors="pt", **text)


class Summariser:
    """A causal language model of transformers that merges captions, asked in its chat template if any."""

    def __init__(self, name: str, place: dict[str, Any], generation: dict[str, Any]):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = loaded(AutoTokenizer.from_pretrained, "llm", name)
        model = loaded(AutoModelForCausalLM.from_pretrained, "llm", name, dtype=place["dtype"])
        self.model = model.to(place["device"]).eval()
        self.generation = generation
        self.tokenizer.padding_side = "left"  # answers must follow their questions directly
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        if self.tokenizer.pad_token is None:
            raise Failed(f"the tokenizer of --llm {name} has neither a padding nor an end token")

    def __call__(self, captions: Sequence[Sequence[str]]) -> list[str]:
        """One description for the captions of each video."""
        chat = bool(self.tokenizer.chat_template)
        texts = [self._question(one, chat) for one in captions]
        inputs = self.tokenizer(
            texts,
            return_tensors="pt",
            padding=True,
            add_special_tokens=not chat,  # a chat template writes them itself
            return_token_type_ids=False,
        ).to(self.model.device)
        with torch.inference_mode():
            tokens = self.model.generate(
                **inputs,
                **self.generation,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        new = tokens[:, inputs["input_ids"].shape[1] :]
        return [tidy(t) for t in self.tokenizer.batch_decode(new, skip_special_tokens=True)]

    def _question(self, captions: Sequence[str], chat: bool) -> str:
        numbered = "\n".join(f"{n}. {text}" for n, text in enumerate(captions, 1))
        question = PROMPT.format(captions=numbered)
        if not chat:
            return question + LEAD
        message = [{"role": "user", "content": question}]
        return self.tokenizer.apply_chat_template(
            message, tokenize=False, add_generation_prompt=True
        )


def loaded(load: Callable[..., Any], option: str, name: str, **more: Any) -> Any:
    """What `load(name)` gives.

    Raises:
        Failed: it cannot be had.
    """
    try:
        return load(name, **more)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Failed(f"cannot load --{option} {name}: {reason}") from None


def tidy(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())


def describe(
    videos: dict[str, Path], out: JsonLines, captioner: Captioner, llm: Summariser, args: Any
) -> list[str]:
    """Describe the videos that `out` lacks, batch by batch; returns messages on unreadable ones."""
    todo = [(id, path) for id, path in videos.items() if id not in out.done]
    unreadable: list[str] = []
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("videos", total=len(videos), completed=len(videos) - len(todo))
        for start in range(0, len(todo), args.batch_size):
            batch = todo[start : start + args.batch_size]
            rows = []
            for id, path in batch:
                try:
                    rows.append((id, frames_of(path, args.frames)))
                except VideoError as error:
                    unreadable.append(f"{id}: {error}")
                    console.print(f"left out: {error}", markup=False, soft_wrap=True)
            if rows:
                out.append(_described(rows, captioner, llm, args.caption_step))
            progress.advance(bar, len(batch))
    return unreadable


def _described(
    rows: Sequence[tuple[str, list[Image.Image]]],
    captioner: Captioner,
    llm: Summariser,
    step: int,
) -> list[dict[str, Any]]:
    # frames whose captions would not be kept are not captioned
    kept = [(id, images[::step]) for id, images in rows]
    texts = iter(captioner([image for _, images in kept for image in images]))
    captions = [[next(texts) for _ in images] for _, images in kept]
    return [
        {"video": id, "captions": own, "description": description}
        for (id, _), own, description in zip(kept, captions, llm(captions), strict=True)
    ]


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("videos", nargs="+", type=Path, help="folders, .csv or .txt lists, video files")
    add("--out", type=Path, required=True, help="JSON-lines file, made or continued")
    add("--captioner", required=True, help="image captioner of transformers: folder or name")
    add("--llm", required=True, help="language model of transformers: folder or name")
    add("--root", type=Path, help="folder that paths in lists start from (default: the list's)")
    add("--frames", type=int, default=16, help="frames sampled uniformly (default: 16)")
    add("--caption-step", type=int, default=2, help="caption every so many-th frame (default: 2)")
    add("--caption-prompt", default="", help="question or beginning that the captioner is given")
    add("--caption-tokens", type=int, default=40, help="most new tokens of a caption")
    add("--tokens", type=int, default=60, help="most new tokens of a description")
    add("--temperature", type=float, default=0.0, help="of the description; 0: greedy (default)")
    add("--seed", type=int, default=0, help="of the sampling, where the temperature is above 0")
    add("--batch-size", type=int, default=4, help="videos at a time (default: 4)")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--dtype", default="float32", choices=("float32", "float16", "bfloat16"))
    add("--strict", action="store_true", help="exit with 1 if a video could not be read")
    args = parser.parse_args(arguments)
    for name in ("frames", "caption_step", "caption_tokens", "tokens", "batch_size"):
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if args.temperature < 0:
        parser.error("--temperature must be at least 0")
    return args


def run(args: argparse.Namespace) -> int:
    """Describe what is left to describe; the exit code.

    Raises:
        Failed, DatasetError: it cannot be done.
    """
    videos, out = find_videos(args.videos, args.root), JsonLines(args.out)
    if out.repaired:
        print(f"removed the last line of {args.out}, which was cut off", file=sys.stderr)
    unreadable: list[str] = []
    if videos.keys() - out.done:
        keep_settings(args.out, {key: getattr(args, key) for key in SETTINGS} | {"prompt": PROMPT})
        try:
            place = {"device": torch.device(args.device), "dtype": getattr(torch, args.dtype)}
            torch.zeros(1, device=place["device"])
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise Failed(f"--device {args.device} cannot be used: {reason}") from None
        torch.manual_seed(args.seed)
        greedy = generation(args.caption_tokens, 0.0)
        captioner = Captioner(args.captioner, place, greedy, args.caption_prompt)
        llm = Summariser(args.llm, place, generation(args.tokens, args.temperature))
        try:
            unreadable = describe(videos, out, captioner, llm, args)
        except torch.OutOfMemoryError:
            raise Failed(
                "the GPU has too little memory: give a smaller --batch-size or --dtype float16; the "
                f"finished videos are in {args.out}"
            ) from None
    print(f"{len(videos.keys() & out.done)} of {len(videos)} videos are described in {args.out}")
    if unreadable:
        print(f"{len(unreadable)} could not be read and are left out", file=sys.stderr)
    return 1 if unreadable and args.strict else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; errors are one sentence and exit code 2."""
    try:
        return run(parsed(arguments))
    except (Failed, DatasetError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
