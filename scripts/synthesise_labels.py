"""Ask a multimodal language model for labels of videos: JSON lines {"video": id, "labels": [...]}.

    python scripts/synthesise_labels.py VIDEOS --model llava-hf/llava-1.5-7b-hf --out labels.jsonl

VIDEOS is a folder (an id is the path of a file in it), a .csv list (path,label) or a .txt list.
The model is any image-and-text model of transformers, by name or folder; it sees frames from the
middles of equal parts of a video. Run it again to go on where it was broken off. See
docs/synthesise-labels.md.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from annotating import find_videos, frames_of, keep_settings
from PIL import Image
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from vclipbench.datasets.errors import DatasetError
from vclipbench.datasets.jsonl import JsonLines
from vclipbench.datasets.video.read import VideoError

PROMPT = (
    "These are frames of one video, in the order of time. List short labels for what is in the video: "
    "the actions, the objects, the people and the place. Use at most four words for a label. "
    'Answer only with a JSON list of texts, such as ["opening a door", "kitchen"].'
)
LONGEST = 8  # words of a label; longer answers are sentences
Video = tuple[str, Path]


class Problem(Exception):
    """What the user can mend, in one sentence."""


def parse(answer: str, most: int) -> list[str]:
    """Labels out of an answer: a JSON list (or what there is of one), else lines or commas.

    Spaces, bullets, quotes and full stops around a label are dropped, letters are made small; repeated
    labels, sentences and what has no letter are left out.
    """
    opened = answer.find("[")
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', answer[opened:]) if opened >= 0 else []
    parts = quoted or re.split(r"[\n;,]", answer)
    labels = []
    for part in parts:
        bare = re.sub(r"^\s*(?:[-*\u2022]|\d+[.)])\s+", "", part)
        label = " ".join(bare.split()).strip(" \t\"'`[]{}.:").lower()
        if re.search(r"[^\W\d_]", label) and len(label.split()) <= LONGEST:
            labels.append(label)
    return list(dict.fromkeys(labels))[:most]


def sheet(frames: Sequence[Image.Image]) -> Image.Image:
    """All frames in one picture, row by row, for models that take a single image."""
    columns = int(np.ceil(np.sqrt(len(frames))))
    width, height = frames[0].size
    rows = -(-len(frames) // columns)
    whole = Image.new("RGB", (columns * width, rows * height))
    for n, frame in enumerate(frames):
        whole.paste(frame, (n % columns * width, n // columns * height))
    return whole


class Labeller:
    """The model with its processor.

    Raises:
        Problem: it cannot be found, fetched or read, or has no safetensors.
    """

    def __init__(self, name: str, device: str, dtype: str):
        from transformers import AutoModelForImageTextToText, AutoProcessor

        try:
            self.processor: Any = AutoProcessor.from_pretrained(name, trust_remote_code=False)
            model = AutoModelForImageTextToText.from_pretrained(
                name, use_safetensors=True, trust_remote_code=False, dtype=getattr(torch, dtype)
            )
        except Exception as error:  # transformers and the hub client raise many kinds
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise Problem(
                f"model {name!r} cannot be loaded, --model wants the name or the folder of an "
                f"image-and-text model in safetensors: {reason}"
            ) from None
        self.model: Any = model.to(device).eval()
        self.processor.tokenizer.padding_side = "left"
        if self.processor.tokenizer.pad_token is None:
            self.processor.tokenizer.pad_token = self.processor.tokenizer.eos_token

    @torch.inference_mode()
    def answers(
        self, clips: list[list[Image.Image]], prompt: str, tokens: int, temperature: float
    ) -> list[str]:
        """What the model says on each clip."""
        if getattr(self.processor, "chat_template", None):
            content = [{"type": "image"}] * len(clips[0]) + [{"type": "text", "text": prompt}]
            chat = [{"role": "user", "content": content}]
            text = self.processor.apply_chat_template(chat, add_generation_prompt=True)
            images: Any = clips
        else:
            text, images = prompt, [sheet(frames) for frames in clips]
        inputs = self.processor(
            text=[text] * len(clips), images=images, padding=True, return_tensors="pt"
        ).to(self.model.device, self.model.dtype)
        sampling = (
            {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        )
        ids = self.model.generate(**inputs, max_new_tokens=tokens, **sampling)
        asked = inputs["input_ids"]
        if ids.shape[1] >= asked.shape[1] and torch.equal(ids[:, : asked.shape[1]], asked):
            ids = ids[:, asked.shape[1] :]  # most models repeat the question
        return self.processor.batch_decode(ids, skip_special_tokens=True)


def batches(videos: list[Video], size: int) -> Iterator[list[Video]]:
    """Videos in groups of at most `size`."""
    for i in range(0, len(videos), size):
        yield videos[i : i + size]


def label(args: argparse.Namespace, console: Console) -> list[str]:
    """Label what is not labelled yet, and return the ids of the videos that could not be read.

    Raises:
        DatasetError, Problem: see `find_videos`, `JsonLines`, `Labeller`, `keep_settings`.
    """
    videos = list(find_videos([args.videos]).items())
    made = ("model", "prompt", "frames", "max_new_tokens", "temperature", "seed", "most", "dtype")
    out = JsonLines(args.out)
    keep_settings(args.out, {key: getattr(args, key) for key in made})
    if out.repaired:
        console.print(f"{args.out}: the last line was cut off; its video is done again")
    left = [video for video in videos if video[0] not in out.done]
    console.print(f"{len(videos)} videos, {len(videos) - len(left)} of them done before")
    if not left:
        return []
    torch.manual_seed(args.seed)
    labeller = Labeller(args.model, args.device, args.dtype)
    bad: list[str] = []
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("labelling", total=len(left))
        for some in batches(left, args.batch):
            clips, ids = [], []
            for id, path in some:
                try:
                    clips.append(frames_of(path, args.frames))
                    ids.append(id)
                except VideoError as error:
                    bad.append(id)
                    progress.console.print(f"left out: {error}", markup=False)
            said = (
                labeller.answers(clips, args.prompt, args.max_new_tokens, args.temperature)
                if clips
                else []
            )
            rows = zip(ids, said, strict=True)
            out.append({"video": id, "labels": parse(text, args.most)} for id, text in rows)
            progress.advance(bar, len(some))
    return bad


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("videos", type=Path, help="folder of videos, or CSV file with path,label")
    parser.add_argument("--model", required=True, help="name or folder of the model")
    parser.add_argument("--out", type=Path, required=True, help="file that is added to")
    parser.add_argument("--prompt", default=PROMPT, help="what the model is asked")
    parser.add_argument("--frames", type=int, default=8, help="frames of a video (8)")
    parser.add_argument(
        "--batch", type=int, default=4, help="videos that are asked about at once (4)"
    )
    parser.add_argument("--max-new-tokens", type=int, default=128, help="length of an answer (128)")
    parser.add_argument(
        "--temperature", type=float, default=0.0, help="0: the likeliest answer (0)"
    )
    parser.add_argument("--most", type=int, default=16, help="labels of a video at most (16)")
    parser.add_argument("--seed", type=int, default=0, help="for a temperature above 0 (0)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument(
        "--strict", action="store_true", help="fail if a video could not be read (exit code 1)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and return the exit code: 0, 1 (--strict, and videos were left out), 2 (bad usage), 130."""
    parser = arguments()
    args = parser.parse_args(argv)
    for name in ("frames", "batch", "max_new_tokens", "most"):
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if not 0 <= args.temperature < float("inf"):
        parser.error("--temperature must be at least 0")
    console = Console(stderr=True)
    try:
        bad = label(args, console)
    except (DatasetError, Problem) as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here")
        return 130
    if bad:
        console.print(f"{len(bad)} videos could not be read and were left out")
    return 1 if bad and args.strict else 0


if __name__ == "__main__":
    sys.exit(main())
