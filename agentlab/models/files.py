"""Model files on disk: is this a GGUF model that llama.cpp can load, and if not, what is it?"""

from __future__ import annotations

import difflib
import re
import stat
from dataclasses import replace
from pathlib import Path

from agentlab.errors import ModelFileError, UnknownModel
from agentlab.models.box import box_model
from agentlab.models.checksums import check_sha256, sha256_of
from agentlab.models.gguf_header import MAGIC, GGUFHeader, read_header

__all__ = ["GGUFHeader", "box_model", "check_gguf", "check_sha256", "sha256_of", "split_parts"]

_PART = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf")
_MAX_PARTS = 10_000


def check_gguf(path: Path) -> GGUFHeader:
    """Read the header of a GGUF language model, and see that the file is whole.

    Of a model split in parts, give the first; the header returned then has the tensors and the
    sizes of all parts together.

    Raises:
        UnknownModel: there is no such file, or it is a folder.
        ModelFileError: it is not a GGUF file (the message says what it is), is damaged or cut
            short, is no language model, lacks some of its parts, or cannot be read.
    """
    parts = split_parts(path)
    headers = [_check_one(part) for part in parts]
    first = headers[0]
    _check_purpose(first)
    promised = first.metadata.get("split.count", 1)
    if type(promised) is int and promised > len(parts):
        raise ModelFileError(
            f"{str(path)!r} is the first of {promised} parts, but its name does not say so",
            hint="give the parts their names back: NAME-00001-of-00003.gguf and so on",
        )
    return replace(
        first,
        size=sum(header.size for header in headers),
        needed_size=sum(header.needed_size for header in headers),
        tensors=tuple(tensor for header in headers for tensor in header.tensors),
    )


def split_parts(path: Path) -> list[Path]:
    """The files of the model at ``path``: itself, or all of ``NAME-00001-of-00003.gguf``.

    The files need not exist.

    Raises:
        ModelFileError: ``path`` is a part, but not the first.
    """
    match = _PART.fullmatch(path.name)
    if match is None or not 1 < int(match["count"]) <= _MAX_PARTS:
        return [path]
    count = int(match["count"])
    parts = [
        path.with_name(f"{match['stem']}-{part:05d}-of-{count:05d}.gguf")
        for part in range(1, count + 1)
    ]
    if path != parts[0]:
        raise ModelFileError(
            f"{str(path)!r} is part {int(match['part'])} of a model in {count} files",
            hint=f"give the first part, {parts[0].name!r}; the others are found beside it",
        )
    return parts


def _check_one(path: Path) -> GGUFHeader:
    _check_exists(path)
    try:
        with path.open("rb") as file:
            start = file.read(512)
        if not start.startswith(MAGIC):
            raise ModelFileError(
                f"{str(path)!r} is not a GGUF file; it is {_describe(start)}", hint=_advice(start)
            )
        header = read_header(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not header.complete:
        raise ModelFileError(
            f"{str(path)!r} is cut short: it has {header.size} bytes, "
            f"its header promises {header.needed_size}",
            hint="download the file again",
        )
    return header


def _check_exists(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(mode):
        inside = sorted(file.name for file in path.glob("*.gguf"))
        raise UnknownModel(
            f"{str(path)!r} is a folder, not a GGUF file",
            hint=f"it holds {_listed(inside)}" if inside else "it holds no GGUF file",
        )
    if not stat.S_ISREG(mode):
        raise ModelFileError(f"{str(path)!r} is a device or pipe, not a GGUF file")


def _missing(path: Path) -> ModelFileError | UnknownModel:
    match = _PART.fullmatch(path.name)
    if match is not None and int(match["part"]) > 1:
        return ModelFileError(
            f"part {int(match['part'])} of {int(match['count'])} is missing: {str(path)!r}",
            hint="download all parts into one folder",
        )
    if path.is_symlink():
        return UnknownModel(f"{str(path)!r} is a link to a file that is gone")
    folder = path.parent
    if not folder.is_dir():
        return UnknownModel(
            f"there is no folder {str(folder)!r}", hint="paths start at the current folder"
        )
    names = sorted(file.name for file in folder.glob("*.gguf"))
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5) or names
    return UnknownModel(
        f"there is no file {str(path)!r}",
        hint=f"in that folder: {_listed(near)}" if near else "that folder holds no GGUF file",
    )


def _unreadable(path: Path, error: Exception) -> ModelFileError:
    if isinstance(error, PermissionError):
        return ModelFileError(
            f"{str(path)!r} cannot be read: no permission", hint=f"chmod u+r {str(path)!r}"
        )
    reason = getattr(error, "strerror", None) or str(error)
    return ModelFileError(f"{str(path)!r} cannot be read: {reason}")


def _check_purpose(header: GGUFHeader) -> None:
    kind = header.metadata.get("general.type", "model")
    if header.architecture == "clip":
        kind = "mmproj"
    other = {
        "adapter": "a LoRA adapter, to be used on top of a model",
        "mmproj": "the image encoder of a multimodal model",
        "imatrix": "an importance matrix, used to quantise a model",
        "vocab": "a vocabulary without weights",
    }.get(str(kind))
    if other is None and not header.tensors:
        other = "a GGUF file without weights"
    if other is not None:
        raise ModelFileError(
            f"{str(header.path)!r} is {other}, not a model", hint="give the model's own GGUF file"
        )
    if not header.architecture:
        raise ModelFileError(f"{str(header.path)!r} does not say its architecture")


def _listed(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


_STARTS = (
    (b"version https://git-lfs", "a Git LFS pointer: the text that stands for the real file"),
    (b"PK\x03\x04", "a zip archive or a PyTorch checkpoint"),
    (b"\x80\x02", "a Python pickle, probably a PyTorch checkpoint"),
    (b"\x89HDF", "an HDF5 (Keras) file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"FUGG", "a GGUF file with its bytes swapped"),
    (b"ggml", "a file of the old GGML format"),
    (b"lmgg", "a file of the old GGML format"),
    (b"tjgg", "a file of the old GGJT format"),
    (b"fmgg", "a file of the old GGMF format"),
    (b"{", "a JSON text"),
)


def _describe(start: bytes) -> str:
    if not start:
        return "empty"
    if not start.strip(b"\0"):
        return "full of zeros, as an unfinished download leaves it"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml")):
        return "an HTML page"
    if len(start) > 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 28:
        return "a safetensors file"
    for magic, name in _STARTS:
        if start.startswith(magic):
            return name
    try:
        start[:64].decode("ascii")
    except UnicodeDecodeError:
        return f"of an unknown kind (it begins with the bytes {start[:4].hex(' ')})"
    return f"a text that begins with {start[:20].decode('ascii')!r}"


def _advice(start: bytes) -> str:
    kind = _describe(start)
    if "safetensors" in kind or "PyTorch" in kind or "old GG" in kind:
        return "look for a GGUF conversion of this model, or convert it with llama.cpp"
    if "LFS" in kind:
        return "run 'git lfs pull', or download the file itself"
    return "download the file again"
