"""Files to documents; what cannot be read is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pypdf import PdfWriter

from agentlab.errors import ConfigError
from agentlab.rag import Skipped, load_files

# A page of text: pypdf writes no text itself.
PDF_TEXT = b"BT /F1 24 Tf 72 700 Td (%s) Tj ET"


def pdf(path: Path, *pages: str, password: str = "") -> None:
    from pypdf.generic import DictionaryObject, NameObject, StreamObject

    writer = PdfWriter()
    for text in pages:
        page = writer.add_blank_page(612, 792)
        stream = StreamObject()
        stream.set_data(PDF_TEXT % text.encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    writer.add_metadata({"/Title": "The pump"})
    if password:
        writer.encrypt(password)
    writer.write(path)


def test_text_and_markdown(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_bytes("\ufeffOne line\r\nÄnother\r\n".encode())
    (tmp_path / "page.md").write_text("---\nx: 1\n---\n# The title #\n\nText.\n")
    (tmp_path / "wide.txt").write_bytes("wide".encode("utf-16"))
    text, page, wide = load_files(tmp_path).documents
    assert text.page_content == "One line\r\nÄnother\r\n"
    assert text.metadata == {"source": f"{tmp_path}/note.txt", "title": "note"}
    assert page.metadata["title"] == "The title"
    assert wide.page_content == "wide"


def test_html(tmp_path: Path) -> None:
    story = "<p>The pump runs at night, and its fuse is in the grey box in the cellar.</p>" * 3
    (tmp_path / "a.html").write_text(
        f"<html><head><title>Pumps</title><script>evil()</script></head><body><nav>Home</nav>"
        f"<article><h1>Pumps</h1>{story}</article></body></html>"
    )
    (document,) = load_files(tmp_path / "a.html").documents
    assert document.metadata["title"] == "Pumps"
    assert "grey box" in document.page_content
    assert "evil" not in document.page_content


def test_pdf_has_pages(tmp_path: Path) -> None:
    pdf(tmp_path / "a.pdf", "The first page", "The second page")
    first, second = load_files(tmp_path / "a.pdf").documents
    assert first.page_content == "The first page"
    assert second.metadata == {"source": f"{tmp_path}/a.pdf", "title": "The pump", "page": 2}


def test_jsonl_and_csv(tmp_path: Path) -> None:
    lines = [{"_id": "7", "title": "Cats", "text": "They purr."}, "Just text", {"text": "\ud800"}]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    (tmp_path / "b.csv").write_text("name,price\npump,12\nfuse,3\n")
    cats, just, _, pump, _ = load_files(tmp_path).documents
    assert cats.page_content == "They purr."
    assert cats.metadata == {
        "source": f"{tmp_path}/a.jsonl", "id": "7", "title": "Cats", "line": 1,
    }  # fmt: skip
    assert just.metadata == {"source": f"{tmp_path}/a.jsonl", "line": 2}
    assert pump.page_content == "name: pump\nprice: 12"
    source = f"{tmp_path}/b.csv"
    assert pump.metadata == {"source": source, "name": "pump", "price": "12", "row": 1}


def test_bad_files_are_told_and_skipped(tmp_path: Path) -> None:
    files = {
        "bad.jsonl": b'{"text": "a"}\n{nope\n',
        "bad.pdf": b"%PDF-1.7 nonsense",
        "binary.txt": b"\x00\x01",
        "empty.md": b" \n",
        "latin.txt": "Äh".encode("latin-1"),
        "notext.jsonl": b'{"x": 1}\n',
        "picture.png": b"x",
        "wrong.csv": b"a,b\n1,2,3\n",
        "good.txt": b"good",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    pdf(tmp_path / "locked.pdf", "secret", password="x")
    (tmp_path / ".hidden.txt").write_text("hidden")
    loaded = load_files(tmp_path)
    assert [d.page_content for d in loaded.documents] == ["good"]
    assert list(loaded.digests) == [f"{tmp_path}/good.txt"]
    reasons = {Path(s.source).name: s.reason for s in loaded.skipped}
    assert reasons.keys() == files.keys() - {"good.txt"} | {"locked.pdf"}
    assert "line 2 is not JSON" in reasons["bad.jsonl"]
    assert "zero bytes" in reasons["binary.txt"]
    assert "holds no text" in reasons["empty.md"]
    assert "not utf-8 text (at byte 0)" in reasons["latin.txt"]
    assert "no text under one of" in reasons["notext.jsonl"]
    assert "files such as '.png' are not read" in reasons["picture.png"]
    assert "row 1 has more cells" in reasons["wrong.csv"]
    assert "password" in reasons["locked.pdf"]
    assert "no PDF" in reasons["bad.pdf"]


def test_patterns_folders_and_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    names = [d.metadata["source"] for d in load_files("docs/*.md").documents]
    assert names == ["docs/film.md", "docs/pump.md"]
    found = load_files(["docs/pump.md", "docs", folder / "cats.txt"])
    assert len(found.documents) == 5  # the last under another name
    assert len(load_files("**/*.txt").documents) == 2
    with pytest.raises(ConfigError, match=r"no file 'docs/\*\.rst'"):
        load_files(["docs", "docs/*.rst"])
    with pytest.raises(ConfigError, match="no files were named"):
        load_files([])


def test_unchanged_files_are_not_read_again(folder: Path) -> None:
    first = load_files(folder)
    (folder / "cats.txt").write_text("Cats meow.")
    again = load_files(folder, first.digests)
    assert [d.page_content for d in again.documents] == ["Cats meow."]
    assert len(again.unchanged) == 3


def test_a_file_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    source = (folder / "cats.txt").as_posix()
    reason = "it cannot be read: Permission denied"
    assert load_files(folder / "cats.txt").skipped == [Skipped(source, reason)]
