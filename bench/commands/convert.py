"""`bench convert`: a weight file in another layout."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import Tensor

    from ...methods.conversion import Converted

_TORCH = (".pt", ".pth", ".bin", ".ckpt")
_DTYPES = {"keep": None, "fp32": "float32", "fp16": "float16"}


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="File to read.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help=".safetensors or .pt, .pth, .bin, .ckpt.")
    ],
    to: Annotated[str, typer.Option("--to", help="Layout to write, see docs/checkpoints.md.")],
    from_: Annotated[
        str | None, typer.Option("--from", help="Layout of IN, if it cannot be told from its keys.")
    ] = None,
    clip: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CLIP that gives what IN lacks.")
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Leave out what the layout has no place for.")
    ] = False,
    dtype: Annotated[str, typer.Option(help="keep, fp32 or fp16.")] = "keep",
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
) -> None:
    """Convert a checkpoint between the layouts of open_clip, OpenAI, Hugging Face and methods."""
    from ..errors import check_choice

    check_choice("--dtype", dtype, tuple(_DTYPES))
    _check_target(target, force)
    from ...methods.checkpoint import WeightsError, read_weights
    from ...methods.conversion import convert as converted
    from ...methods.layouts import LAYOUTS

    for flag, layout in (("--to", to), ("--from", from_)):
        if layout is not None:
            check_choice(flag, layout, tuple(LAYOUTS))
    content = read_weights(source)
    other = read_weights(clip) if clip else None
    try:
        made = converted(content, to, from_, other, drop)
    except WeightsError as error:
        raise WeightsError(f"{source}: {error}") from None
    state = {k: _cast(v, _DTYPES[dtype]) for k, v in made.state.items()}
    _write(state, to, target)
    typer.echo("\n".join(_report(source, made, target, to, state)))


def _check_target(path: Path, force: bool) -> None:
    from ..errors import UserError

    if path.suffix not in (".safetensors", *_TORCH):
        raise UserError(f"OUT {path} ends in none of .safetensors, {', '.join(_TORCH)}")
    if path.is_dir():
        raise UserError(f"OUT {path} is a folder")
    if not path.parent.is_dir():
        raise UserError(f"the folder of OUT {path} does not exist")
    if path.exists() and not force:
        raise UserError(f"OUT {path} exists; overwrite it with --force")


def _cast(value: Tensor, dtype: str | None) -> Tensor:
    import torch

    if dtype and value.is_floating_point():
        value = value.to(getattr(torch, dtype))
    return value.clone(memory_format=torch.contiguous_format)  # no two share memory in the file


def _write(state: dict[str, Tensor], layout: str, path: Path) -> None:
    """Write beside the target, then rename: the target is whole or as it was.

    Raises:
        RunFailed: the disk is full or may not be written.
    """
    import torch
    from safetensors.torch import save_file

    from ...methods.conversion import wrapped
    from ..errors import RunFailed

    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.touch()  # whether the folder takes a file is then said in the system's words
        if path.suffix == ".safetensors":
            save_file(state, temporary, metadata={"format": "pt"})
        else:
            torch.save(wrapped(state, layout), temporary)
        os.replace(temporary, path)
    except Exception as error:
        raise RunFailed(
            f"cannot write {path}: {getattr(error, 'strerror', None) or error}"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _report(
    source: Path, made: Converted, target: Path, layout: str, state: dict[str, Tensor]
) -> list[str]:
    from ...methods.conversion import sizes
    from ...methods.layouts import LAYOUTS

    rows = [("read", f"{source}, layout {made.source} ({LAYOUTS[made.source].title})")]
    rows += sizes(made.ours).items()
    for what, keys in (
        ("not carried over", made.derived),
        ("from --clip", made.filled),
        ("dropped", made.dropped),
    ):
        if keys:
            rows.append((what, ", ".join(keys) if len(keys) <= 8 else _short(keys)))
    rows.append(("written", f"{target}, layout {layout}: {_content(state)}"))
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {text}" for name, text in rows]


def _short(keys: list[str]) -> str:
    return f"{', '.join(keys[:4])} ... {keys[-1]} ({len(keys)} tensors)"


def _content(state: dict[str, Tensor]) -> str:
    kinds: Counter[Any] = Counter(str(v.dtype).removeprefix("torch.") for v in state.values())
    size = sum(v.numel() * v.element_size() for v in state.values())
    types = ", ".join(f"{n} of {kind}" for kind, n in kinds.most_common())
    return f"{len(state)} tensors ({types}), {size / 2**20:.1f} MiB"
