"""Reading one file: its documents, each a text whose characters a citation can point to.

A document's metadata says where it is from: ``source`` (the path), ``title``, and ``page``,
``line`` (JSONL) or ``row`` (CSV), from 1, where a file holds several. The text of Markdown and
plain text is the file's own, character for character; of HTML and PDF it is what was extracted.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from agentlab.errors import StoreError

LARGEST = 100 * 1024**2  # bytes of a file
_HEADING = re.compile(r"^#\s+(.+?)\s*#*$", re.MULTILINE)
_TEXT_KEYS = ("text", "page_content", "content", "body", "contents")


class Unreadable(StoreError):
    """A file that cannot be read as what its name says."""


def read_bytes(path: Path) -> bytes:
    """What is in the file ``path``, whose kind must be known.

    Raises:
        Unreadable: it is of an unknown kind, too large, or cannot be read.
    """
    if path.suffix.lower() not in READERS:
        known = " ".join(sorted(READERS))
        raise Unreadable(f"files such as {path.suffix or path.name!r} are not read: {known} are")
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise Unreadable(f"it is {size / 1e6:,.0f} MB, more than {LARGEST / 1e6:,.0f}")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror or error}") from error


def read_documents(data: bytes, kind: str, source: str) -> list[Document]:
    """The documents of a file of the ``kind`` (``.md``), whose ``source`` they are given.

    Raises:
        Unreadable: it is damaged, or holds no text.
    """
    documents = [d for d in READERS[kind](data, source) if d.page_content.strip()]
    if not documents:
        raise Unreadable("it holds no text")
    return documents


_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def _decoded(data: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not {encoding} text (at byte {error.start})") from error
    if "\0" in text:
        raise Unreadable("it is not text: it holds zero bytes")
    return text


def _document(text: str, source: str, title: str, **more: Any) -> Document:
    return Document(page_content=text, metadata={"source": source, "title": title, **more})


def _read_text(data: bytes, source: str) -> Iterator[Document]:
    yield _document(_decoded(data), source, Path(source).stem)


def _read_markdown(data: bytes, source: str) -> Iterator[Document]:
    text = _decoded(data)
    heading = _HEADING.search(text)
    yield _document(text, source, heading[1] if heading else Path(source).stem)


def _read_html(data: bytes, source: str) -> Iterator[Document]:
    import trafilatura

    # Pages name their own encoding, which trafilatura looks for in the bytes.
    text = trafilatura.extract(
        data, include_comments=False, include_tables=True, favor_recall=True
    ) or trafilatura.html2txt(data)
    if not text:
        return
    metadata = trafilatura.extract_metadata(data)
    title = (metadata.title if metadata else "") or Path(source).stem
    yield _document(text, source, title)


def _read_pdf(data: bytes, source: str) -> Iterator[Document]:
    import logging

    import pypdf

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("it asks for a password")
        title = str((reader.metadata.title if reader.metadata else "") or Path(source).stem)
        for number, page in enumerate(reader.pages, start=1):
            yield _document(page.extract_text(), source, title, page=number)
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"it is no PDF that can be read: {error}") from error


def _read_jsonl(data: bytes, source: str) -> Iterator[Document]:
    for number, line in enumerate(_decoded(data).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"line {number} is not JSON: {error}") from error
        if isinstance(record, str):
            record = {"text": record}
        if not isinstance(record, dict):
            raise Unreadable(f"line {number} is no object with a text")
        yield _record(record, source, f"line {number}", line=number)


def _read_csv(data: bytes, source: str) -> Iterator[Document]:
    text = _decoded(data)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Unreadable(f"it is not CSV: {error}") from error
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise Unreadable(f"row {number} has more cells than the head has names")
        record: dict[str, Any] = {name: cell or "" for name, cell in row.items()}
        if not _text_key(record):
            record = {**record, "text": "\n".join(f"{k}: {v}" for k, v in record.items() if v)}
        yield _record(record, source, f"row {number}", row=number)


def _text_key(record: Mapping[str, Any]) -> str | None:
    return next((key for key in _TEXT_KEYS if isinstance(record.get(key), str)), None)


def _record(record: Mapping[str, Any], source: str, where: str, **more: Any) -> Document:
    """A line or row: its text is under ``text`` or a like name, the rest is metadata."""
    key = _text_key(record)
    if key is None:
        raise Unreadable(f"{where} has no text under one of {', '.join(_TEXT_KEYS)}")
    fields = dict(record.get("metadata") or {}) if isinstance(record.get("metadata"), dict) else {}
    fields |= {k: v for k, v in record.items() if k not in (key, "metadata")}
    if "_id" in fields:  # as in BEIR's files
        fields.setdefault("id", fields.pop("_id"))
    # A title only where the record has one: a made-up one would be searched as well.
    if not isinstance(fields.get("title"), str) or not fields["title"]:
        fields.pop("title", None)
    return Document(page_content=record[key], metadata={**fields, "source": source, **more})


READERS: dict[str, Callable[[bytes, str], Iterator[Document]]] = {
    ".csv": _read_csv,
    ".htm": _read_html,
    ".html": _read_html,
    ".jsonl": _read_jsonl,
    ".markdown": _read_markdown,
    ".md": _read_markdown,
    ".ndjson": _read_jsonl,
    ".pdf": _read_pdf,
    ".txt": _read_text,
    ".xhtml": _read_html,
}
