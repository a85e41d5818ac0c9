"""A sequence in a file: what a model has read, so that another process need not read it again.

One header line of JSON, then tokens, logits and llama.cpp's state, then the sha256 of all before.
The file says by ``key`` which model, build and settings it belongs to, and is refused by any other.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.engine.kept import Kept
from agentlab.errors import CorruptStore

_MAGIC = b"agentlab-sequence 1 "
_LONGEST_HEADER = 4096
_SUM = 32
_AGAIN = "delete it: the prompt is then read anew"


def write_sequence(path: Path, kept: Kept, key: Mapping[str, Any]) -> None:
    """Put ``kept`` in the place of ``path``: after a crash the file is the old or the new one.

    Raises:
        OSError: it cannot be written.
    """
    logits = np.empty(0, np.float32) if kept.logits is None else kept.logits
    header = {
        "key": dict(key),
        "exact": kept.exact,
        "tokens": len(kept.tokens),
        "logits": len(logits),
        "state": kept.state.nbytes,
    }
    parts = (
        _MAGIC + json.dumps(header, sort_keys=True).encode() + b"\n",
        kept.tokens.astype("<i4").tobytes(),
        logits.astype("<f4").tobytes(),
        kept.state.data,
    )
    total = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name + ".", delete=False) as file:
        temporary = Path(file.name)
        try:
            for part in parts:
                total.update(part)
                file.write(part)
            file.write(total.digest())
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def read_sequence(path: Path, key: Mapping[str, Any]) -> Kept:
    """The sequence in ``path``.

    Raises:
        CorruptStore: it is no such file, is damaged, or belongs to another model, build or
            settings.
        OSError: it cannot be read.
    """
    data = np.fromfile(path, dtype=np.uint8)
    head, newline, _ = data[:_LONGEST_HEADER].tobytes().partition(b"\n")
    if not newline or not head.startswith(_MAGIC):
        raise CorruptStore(f"{str(path)!r} does not hold what a model has read", hint=_AGAIN)
    if hashlib.sha256(data[:-_SUM].data).digest() != data[-_SUM:].tobytes():
        raise CorruptStore(f"{str(path)!r} is damaged: its checksum is wrong", hint=_AGAIN)
    header = json.loads(head[len(_MAGIC) :])
    if header["key"] != dict(key):
        wrong = [name for name in key if header["key"].get(name) != key[name]]
        names = ", ".join(wrong) or "settings"
        raise CorruptStore(f"{str(path)!r} was written with another {names}", hint=_AGAIN)
    at = len(head) + 1
    sizes = (4 * header["tokens"], 4 * header["logits"], header["state"])
    if at + sum(sizes) + _SUM != len(data):
        raise CorruptStore(f"{str(path)!r} has not the length it says", hint=_AGAIN)
    tokens = data[at : at + sizes[0]].tobytes()
    logits = data[at + sizes[0] : at + sizes[0] + sizes[1]].tobytes()
    state = data[at + sizes[0] + sizes[1] : -_SUM].copy()
    return Kept(
        np.frombuffer(tokens, "<i4"),
        header["exact"],
        state,
        np.frombuffer(logits, "<f4") if logits else None,
    )
