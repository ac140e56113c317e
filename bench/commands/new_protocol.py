"""`bench new-protocol`: a protocol of one's own to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .new_files import camel, check_free, filled, stem_of, write


def new_protocol(
    name: Annotated[
        str, typer.Argument(help="Id of the protocol: letters, digits, - + . _, a letter first.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new file.")] = Path("."),
) -> None:
    """Write a protocol that works on folders of yours, DIR/train and DIR/test, to change into yours."""
    stem = stem_of(name)
    shouted = f"{stem.upper().removesuffix('_PROTOCOL')}_PROTOCOL"
    words = {"my-protocol": name, "MyProtocol": camel(stem, "Protocol"), "MY_PROTOCOL": shouted}
    file = out / f"{stem}.py"
    check_free("protocols", name, stem, [file])
    write(out, {file: filled("protocol_template.py", words)})
    typer.echo(
        f"{file} holds a protocol that works. With your videos in mine/train and mine/test, each in the "
        "folder of its class:\n"
        f"  bench check protocol {name} --plugin {file} --data mine\n"
        f"  bench describe {name} --plugin {file} --data mine\n"
        f"  bench run --method clip --protocol {name} --plugin {file} --data mine\n"
        f"  bench leaderboard runs"
    )
