"""Search a folder of documents by meaning and by words, with the models in the box."""

from pathlib import Path
from tempfile import TemporaryDirectory

from agentlab.rag import Index

NOTES = {
    "pump.md": "# The cellar pump\n\nPress the red button twice to start it again. Its fuse is in "
    "the grey box.\n",
    "film.md": "# The film\n\nThe film was shot on Gull Rock in 1931.\n",
    "leave.txt": "Every employee has thirty days of leave a year. Sickness is not leave.\n",
}

with TemporaryDirectory() as folder:
    for name, text in NOTES.items():
        (Path(folder) / name).write_text(text)

    index = Index.from_files(folder, "bge-small", Path(folder) / "index", splitter="sentences")
    report = index.report
    print(f"{report.files} files, {report.chunks} chunks, {report.embedded} embedded")

    (Path(folder) / "cats.txt").write_text("Cats purr when they are content.\n")
    index = Index.from_files(folder, "bge-small", Path(folder) / "index", splitter="sentences")
    print(f"with one more: {index.report.embedded} embedded")

    retriever = index.as_retriever(k=1, mode="hybrid")
    for question in ("How do I restart the pump?", "How many holidays do I get?"):
        (found,) = retriever.invoke(question)
        place = Path(found.metadata["source"]).name, found.metadata["start"], found.metadata["end"]
        print(f"{question} {found.page_content!r} {place}")
