"""The file of a recording: JSON lines, one header, then what each step needs and the step itself.

::

    {"cassette":2,"meta":{…},"identities":[{…}]}
    {"text":"5d1c…","lines":2}
    "You are a careful assistant.\\n"
    "Answer in one sentence."
    {"blob":"8c1f…","value":{"role":"system","content":{"$text":"5d1c…"}}}
    {"step":1,"kind":"model","target":"gpt-4o-mini","messages":["8c1f…","02ab…"],"reply":{…}}
    {"end":1,"ms":[812],"tables":[{"steps":[[1]],"form":{"usage":{"input_tokens":0,…}},…}]}

Texts, messages, tool schemas and long parts are written once, under the hash of their content,
before the first step that needs them. A step that goes on from an earlier one holds what it keeps
and adds. What changes with every recording stands in the last line, by column (see
:mod:`agentlab.recording.varying`). Keys are not stored: they are computed from the content, so
they can never disagree with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agentlab.errors import CorruptStore
from agentlab.recording.chunks import packed, unpacked
from agentlab.recording.hashing import digest
from agentlab.recording.lines import LineReader, LineWriter
from agentlab.recording.steps import Recording, Request, Step
from agentlab.recording.varying import read_end, without, write_end

VERSION = 2
SMALL = 80  # characters of JSON: a part up to this size stays in its step
_BACK = 12  # steps to look back for one to go on from


def write(recording: Recording) -> bytes:
    """The file's bytes: the same for the same recording."""
    return _Writer(recording).bytes()


class _Writer:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._lines = LineWriter()
        self._written: dict[str, Any] = {}

    def bytes(self) -> bytes:
        identities: list[dict[str, Any]] = []
        for step in self._recording.steps:
            if step.request.identity and step.request.identity not in identities:
                identities.append(dict(step.request.identity))
        header: dict[str, Any] = {"cassette": VERSION, "meta": self._recording.meta}
        if identities:
            header["identities"] = identities
        self._put(header)
        steps = self._recording.steps
        for index, step in enumerate(steps):
            self._step(index, step, identities)
        self._put(write_end(steps))
        return ("\n".join(self._lines.lines) + "\n").encode()

    def _put(self, value: Any) -> None:
        self._lines.put(value)

    def _blob(self, value: Any, mark: str | None = None) -> str:
        mark = mark or digest(value)
        if mark not in self._written:
            self._written[mark] = value
            self._put({"blob": mark, "value": value})
        return mark

    def _step(self, index: int, step: Step, identities: list[dict[str, Any]]) -> None:
        request = step.request
        line: dict[str, Any] = {"step": index + 1, "kind": step.kind, "target": step.target}
        if request.identity:
            line["identity"] = identities.index(dict(request.identity))
        if step.group:
            line["group"] = step.group
        if request.messages:
            for mark, normal in request.messages:
                self._blob(normal, mark)
            line["messages"] = self._messages(index)
        if request.parts:
            line["parts"] = {name: self._part(name, v) for name, v in request.parts.items()}
        if step.error is not None:
            line["error"] = step.error
        if step.reply is not None or step.error is None:
            line["reply"] = self._reply(step)
        if step.chunks is not None:
            each, line["chunks"] = packed(step.chunks)
            if each is not None:
                line["each"] = each
        if step.closed:
            line["closed"] = True
        self._put(line)

    def _messages(self, index: int) -> Any:
        steps = self._recording.steps
        marks = [mark for mark, _ in steps[index].request.messages]
        best, kept = 0, 0
        for earlier in range(index - 1, max(-1, index - 1 - _BACK), -1):
            count = _shared(marks, [mark for mark, _ in steps[earlier].request.messages])
            if count > kept:
                best, kept = earlier, count
            if kept == len(marks):
                break
        if kept < 2:
            return marks
        return {"after": best + 1, "keep": kept, "add": marks[kept:]}

    def _part(self, name: str, value: Any) -> Any:
        if name == "tools":
            return {"$blobs": [self._blob(tool) for tool in value]}
        if len(json.dumps(value)) <= SMALL:
            return {"$value": value} if isinstance(value, dict) and "$blob" in value else value
        return {"$blob": self._blob(value)}

    def _reply(self, step: Step) -> Any:
        if step.kind != "model":
            documents = isinstance(step.reply, list) and step.kind in ("retrieve", "rerank")
            return (
                {"list": [self._blob(d) for d in step.reply]}
                if documents
                else {"value": step.reply}
            )
        normal = step.reply["message"]
        mark = self._blob(normal)
        # The order of arguments is no part of the hash, but of the message.
        reply, _ = without(step.reply)
        return {**reply, "message": mark} if _alike(self._written[mark], normal) else reply


def _alike(one: Any, other: Any) -> bool:
    """Whether two values of one hash are the same in the order of their members too."""
    if one is other or all(isinstance(value, str) for value in other.values()):
        return True
    return json.dumps(one) == json.dumps(other)


def _shared(one: list[str], other: list[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def read(data: bytes, name: str = "<cassette>") -> Recording:
    """The recording that :func:`write` wrote.

    Raises:
        CorruptStore: the file is damaged; names the line.
        NewerFormat: a later version wrote it.
    """
    from agentlab.recording.migrations import migrated

    reader = LineReader(data, name)
    lines = iter(reader)
    header = next(lines, None)
    if header is None:
        raise reader.damaged("it is empty")
    if not isinstance(header.get("cassette"), int):
        raise reader.damaged("the header is missing")
    upgrade = migrated(header, reader.name)
    return _Reader(reader, upgrade(header), upgrade).recording(lines)


class _Reader:
    def __init__(
        self, lines: LineReader, header: dict[str, Any], upgrade: Callable[[Any], Any]
    ) -> None:
        self._lines = lines
        self._header = header
        self._upgrade = upgrade
        self._blobs: dict[str, Any] = {}
        self._steps: list[Step] = []

    def recording(self, lines: Any) -> Recording:
        last = None
        for line in lines:
            if last is not None:
                raise self._lines.damaged("there is more after the end")
            try:
                last = self._take(self._upgrade(line))
            except CorruptStore:
                raise
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                raise self._lines.damaged(f"a line is malformed ({error!r})") from error
        if last is None:
            raise self._lines.damaged("its end is missing")
        return Recording(self._steps, self._header.get("meta", {}))

    def _take(self, line: dict[str, Any]) -> dict[str, Any] | None:
        if "blob" in line:
            if digest(line["value"]) != line["blob"]:
                raise self._lines.damaged("the content is not what its hash says")
            self._blobs[line["blob"]] = line["value"]
            return None
        if "step" in line:
            if line["step"] != len(self._steps) + 1:
                raise self._lines.damaged(f"expected step {len(self._steps) + 1}")
            self._steps.append(self._step(line))
            return None
        if line["end"] != len(self._steps):
            raise self._lines.damaged(f"{line['end']} steps were written, {len(self._steps)} read")
        read_end(line, self._steps)
        return line

    def _blob(self, mark: str) -> Any:
        if mark not in self._blobs:
            raise self._lines.damaged(f"the blob {mark} is missing")
        return self._blobs[mark]

    def _step(self, line: dict[str, Any]) -> Step:
        messages = line.get("messages", [])
        if isinstance(messages, dict):
            earlier = self._steps[messages["after"] - 1].request.messages
            if messages["after"] < 1 or messages["keep"] > len(earlier):
                raise self._lines.damaged("it goes on from a step that is not there")
            kept = [mark for mark, _ in earlier[: messages["keep"]]]
            messages = [*kept, *messages["add"]]
        identity = self._header["identities"][line["identity"]] if "identity" in line else {}
        request = Request.of(
            line["kind"],
            line["target"],
            [(mark, self._blob(mark)) for mark in messages],
            {name: self._part(value) for name, value in line.get("parts", {}).items()},
            identity,
        )
        chunks = line.get("chunks")
        return Step(
            request,
            reply=self._reply(line["kind"], line["reply"]) if "reply" in line else None,
            error=line.get("error"),
            chunks=unpacked(line["each"], line["chunks"]) if "each" in line else chunks,
            closed=bool(line.get("closed", False)),
            group=int(line.get("group", 0)),
        )

    def _part(self, value: Any) -> Any:
        if isinstance(value, dict):
            if "$blobs" in value:
                return [self._blob(mark) for mark in value["$blobs"]]
            if "$blob" in value:
                return self._blob(value["$blob"])
            if "$value" in value:
                return value["$value"]
        return value

    def _reply(self, kind: str, reply: Any) -> Any:
        if kind != "model":
            return [self._blob(m) for m in reply["list"]] if "list" in reply else reply["value"]
        if isinstance(reply["message"], str):
            return {**reply, "message": self._blob(reply["message"])}
        return reply
