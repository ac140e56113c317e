"""Weights that open_clip names by a tag: found in its cache, or fetched if there is a network."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import open_clip
from huggingface_hub import constants, try_to_load_from_cache

from .backbone_sizes import weights_megabytes
from .checkpoint import WeightsError

PATIENCE = 3.0  # seconds in which a network has to answer
_HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def is_local(source: Mapping[str, Any]) -> bool:
    """Whether open_clip has the file of one of its pretrained models already.

    Args:
        source: as `open_clip.get_pretrained_cfg` gives it.
    """
    hub = str(source.get("hf_hub") or "")
    if "file" in source:
        return True
    if hub:
        folder, _, file = hub.rpartition("/")
        names = (file,) if file else _HUB_FILES
        return any(isinstance(try_to_load_from_cache(folder, name), str) for name in names)
    url = str(source.get("url") or "")
    return (Path("~/.cache/clip").expanduser() / Path(urlsplit(url).path).name).is_file()


def fetched(name: str, tag: str, source: Mapping[str, Any]) -> Path:
    """The file of a tag, from the cache or from the network.

    Raises:
        WeightsError: it is not in the cache, and cannot be fetched.
    """
    if not is_local(source) and (why := _no_network(source)):
        raise WeightsError(_sentence(name, tag, source, why))
    try:
        return Path(open_clip.download_pretrained(dict(source)))
    except Exception as error:
        why = f"cannot be downloaded ({type(error).__name__})"
        raise WeightsError(_sentence(name, tag, source, why)) from None


def _sentence(name: str, tag: str, source: Mapping[str, Any], why: str) -> str:
    size = weights_megabytes(name)
    about = f" (about {size:,} MB)" if size else ""
    hub = str(source.get("hf_hub") or "")
    folder, _, file = hub.rpartition("/")
    wanted = f"{file or _HUB_FILES[0]} of {folder}" if hub else str(source.get("url") or "the file")
    cache = f", or copy the folder {constants.HF_HUB_CACHE} of a machine that has it" if hub else ""
    return (
        f"weights {tag!r} of {name!r}{about} {why}: fetch {wanted} on a machine with a network and "
        f"give its path with --pretrained FILE{cache}"
    )


def _no_network(source: Mapping[str, Any]) -> str:
    """Why nothing can be fetched; "" where it may be tried."""
    hub = bool(source.get("hf_hub"))
    if hub and constants.HF_HUB_OFFLINE:
        return "are not on this machine, and HF_HUB_OFFLINE forbids to fetch them"
    address = constants.ENDPOINT if hub else str(source.get("url") or "")
    host = urlsplit(urllib.request.getproxies().get(urlsplit(address).scheme, address))
    if _answers(host.hostname or "", host.port or (80 if host.scheme == "http" else 443)):
        return ""
    return (
        f"are not on this machine, and {host.hostname} does not answer within {PATIENCE:g} s "
        "(with HF_HUB_OFFLINE=1 it is not asked)"
    )


def _answers(host: str, port: int) -> bool:
    """Whether a connection opens in time; a name server that is silent counts as none."""
    answered = threading.Event()

    def ask() -> None:
        try:
            socket.create_connection((host, port), timeout=PATIENCE).close()
        except OSError:
            pass
        else:
            answered.set()
        done.set()

    done = threading.Event()
    threading.Thread(target=ask, daemon=True).start()
    done.wait(PATIENCE)
    return answered.is_set()
