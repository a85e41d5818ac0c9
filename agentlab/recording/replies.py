"""What calls return, as JSON and back.

A chat model's answer is ``{"message": normal form, "ids": […], "extra": {…}}``: the normal form is
the one that the next request holds, so a recording stores it once; ``ids`` are the tool calls' own
ids, ``extra`` the fields that are no part of a request. Message ids are not kept: LangChain gives
every replayed message a fresh one.
"""

from __future__ import annotations

from typing import Any

from agentlab.boundary import Call
from agentlab.recording.chunks import as_chunks, merged, read_chunks, without_timings
from agentlab.recording.codec import decode, encode
from agentlab.recording.messages import CallIds, Normal, build, normal_form
from agentlab.recording.secrets import Scrubber
from agentlab.recording.steps import Step
from agentlab.recording.varying import with_stable_id

_NORMAL = ("role", "content", "name", "tool_calls")


def write_result(call: Call, result: Any, ids: CallIds, scrubber: Scrubber) -> tuple[Any, Any]:
    """The JSON of what ``call`` returned, and its usage where it is a model's.

    Raises:
        NotRecordable: the result holds something that is not data.
    """
    if call.kind != "model":
        what = f"{call.kind} {getattr(call.target, 'name', None) or type(call.target).__name__}"
        return scrubber.value(encode(result, what)), None
    generations = [write_generation(g, ids, scrubber) for g in result.generations]
    first, usage = generations[0]
    if result.llm_output:
        output = encode(with_stable_id(result.llm_output), "the model's output")
        first["output"] = scrubber.value(output)
    if len(generations) > 1:
        first["others"] = [{**other, "usage": used} for other, used in generations[1:]]
    return first, usage


def write_generation(
    generation: Any, ids: CallIds, scrubber: Scrubber
) -> tuple[dict[str, Any], Any]:
    """One answer as JSON, and its usage."""
    message = generation.message
    fields = message.model_dump(exclude_defaults=True, exclude={"id", "type"})
    usage = fields.pop("usage_metadata", None)
    without_timings(fields)
    if "response_metadata" in fields:
        fields["response_metadata"] = with_stable_id(fields["response_metadata"])
    fields = scrubber.value(encode(fields, "a message"))
    normal: Normal = scrubber.value(normal_form(message, ids))
    reply: dict[str, Any] = {"message": normal}
    raw = [call.get("id") for call in getattr(message, "tool_calls", ())]
    if raw:
        reply["ids"] = scrubber.value(raw)
    extra = {k: v for k, v in fields.items() if k not in _NORMAL}
    if extra:
        reply["extra"] = extra
    if message.type != "ai" or _fields(reply) != _with_content(fields):
        reply = {"message": normal, "type": message.type, "fields": fields}
    if generation.generation_info:
        info = encode(with_stable_id(generation.generation_info), "generation info")
        info = scrubber.value(info)
        if info != extra.get("response_metadata"):
            reply["info"] = info
    return reply, usage


def _with_content(fields: dict[str, Any]) -> dict[str, Any]:
    """Dumped fields as :func:`_fields` makes them: what is a default is left out by both."""
    calls = fields.get("tool_calls")
    result = {"content": "", **fields}
    if calls:
        result["tool_calls"] = [{**call, "type": "tool_call"} for call in calls]
    return result


def _fields(reply: dict[str, Any]) -> dict[str, Any]:
    """The fields of the message that a reply stands for."""
    normal = reply["message"]
    fields: dict[str, Any] = {"content": normal["content"], **reply.get("extra", {})}
    if normal.get("name"):
        fields["name"] = normal["name"]
    if normal.get("tool_calls"):
        fields["tool_calls"] = [
            {"name": c["name"], "args": c["args"], "id": raw, "type": "tool_call"}
            for c, raw in zip(normal["tool_calls"], reply["ids"], strict=True)
        ]
    return fields


def read_message(reply: dict[str, Any], usage: Any = None) -> Any:
    """The recorded message, without an id."""
    if "fields" in reply:
        kind, fields = reply["type"], decode(reply["fields"])
    else:
        kind, fields = "ai", decode(_fields(reply))
    if usage is not None:
        fields["usage_metadata"] = decode(usage)
    return build(kind, fields)


def read_result(call: Call, step: Step) -> Any:
    """What ``call`` returned when ``step`` was recorded, as a fresh object."""
    if call.kind != "model":
        return decode(step.reply)
    from langchain_core.outputs import ChatGeneration, ChatResult

    if step.chunks is not None:
        return merged(read_chunks(step))
    reply = step.reply
    generations = [
        ChatGeneration(message=read_message(r, u), generation_info=decode(r.get("info")))
        for r, u in [(reply, step.usage), *((o, o["usage"]) for o in reply.get("others", ()))]
    ]
    return ChatResult(generations=generations, llm_output=decode(reply.get("output")))


def read_stream(call: Call, step: Step) -> list[Any]:
    """The chunks of a recorded stream; of an answer that was not streamed, one chunk."""
    if call.kind != "model":
        value = decode(step.reply)
        return value if isinstance(value, list) else [value]
    if step.chunks is not None:
        return read_chunks(step)
    return as_chunks(read_message(step.reply, step.usage), decode(step.reply.get("info")))
