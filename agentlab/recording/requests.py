"""From a call at the boundary to its request: what counts, by kind."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from typing import Any

from agentlab.boundary import Call
from agentlab.recording.codec import plain
from agentlab.recording.hashing import canonical
from agentlab.recording.messages import CallIds, Normaliser
from agentlab.recording.secrets import Scrubber
from agentlab.recording.steps import Request

# Fields of models that change what they answer. Timeouts, threads, retries and keys do not.
_SAMPLER = (
    "temperature", "top_p", "top_k", "min_p", "typical_p", "top_a", "tfs_z", "seed", "n",
    "repeat_penalty", "repetition_penalty", "repeat_last_n", "penalty_last_n", "presence_penalty",
    "frequency_penalty", "mirostat", "mirostat_mode", "mirostat_tau", "mirostat_eta",
    "dry_multiplier", "xtc_probability", "max_tokens", "max_completion_tokens",
    "max_output_tokens", "num_predict", "stop", "stop_sequences", "logit_bias", "logprobs",
    "top_logprobs", "reasoning", "reasoning_effort", "thinking", "verbosity", "model_kwargs",
    "extra_body",
)  # fmt: skip
_FORMAT = (
    "response_format", "grammar", "lark", "regex", "choices", "json_schema", "format",
    "guided_json", "guided_grammar",
)  # fmt: skip
_TOOLS = ("tools", "functions")
_NAMES = ("model_name", "model", "model_id", "deployment_name", "repo_id", "model_path")
_NOT_INPUT = frozenset({
    "messages", "timeout", "request_timeout", "max_retries", "headers", "extra_headers", "user",
    "stream", "stream_usage", "stream_options", "structured_output_format", "run_id", "run_name",
    "tags", "metadata", "http_client", "cache",
})  # fmt: skip
_RETRIEVER = ("k", "top_k", "search_type", "search_kwargs", "score_threshold", "fetch_k",
              "lambda_mult", "weights", "top_n")  # fmt: skip


class Reader:
    """Reads requests, keeping what repeats from step to step."""

    def __init__(self, scrubber: Scrubber) -> None:
        self.scrubber = scrubber
        self.normaliser = Normaliser(scrubber)
        self._tools: dict[str, list[Any]] = {}
        # By address; the target is kept too, so that its address is not used again.
        self._identities: dict[int, tuple[Any, dict[str, Any]]] = {}

    def read(self, call: Call) -> tuple[Request, CallIds]:
        """The request of ``call``, and the numbers of the tool calls in it."""
        ids = CallIds()
        if call.kind == "model":
            return self._model(call, ids), ids
        parts: dict[str, Any] = self.scrubber.value(_PARTS[call.kind](call))
        identity = self._identity(call.target) if call.kind != "tool" else {}
        return Request.of(call.kind, _name(call, identity), (), parts, identity), ids

    def _identity(self, target: Any) -> dict[str, Any]:
        """Looked at once a run: for a local model it is the hash of a large file."""
        kept = self._identities.get(id(target))
        if kept is None:
            kept = self._identities[id(target)] = (target, _identity(target))
        return kept[1]

    def _model(self, call: Call, ids: CallIds) -> Request:
        arguments = call.arguments
        messages = self.normaliser.all(arguments["messages"], ids)
        given = {
            k: v
            for k, v in arguments.items()
            if v is not None and k not in _NOT_INPUT and not k.startswith("ls_")
        }
        parts: dict[str, Any] = {}
        tools = [tool for name in _TOOLS for tool in self._schemas(given.pop(name, None))]
        if tools:
            parts["tools"] = tools
        kind: Any = type(call.target)
        own = _own(kind)
        formats = {*own[1], *(given.keys() & set(_FORMAT))}
        shape = {k: given.pop(k, None) or _field(call.target, k) for k in sorted(formats)}
        shape = {k: v for k, v in shape.items() if v is not None}
        if shape:
            parts["format"] = self.scrubber.value(plain(shape))
        sampler = {k: v for k in own[0] if (v := _field(call.target, k)) is not None}
        sampler.update(given)
        if sampler:
            parts["sampler"] = self.scrubber.value(_numbers(plain(sampler)))
        identity = self._identity(call.target)
        return Request.of("model", _name(call, identity), messages, parts, identity)

    def _schemas(self, tools: Any) -> list[Any]:
        if not tools:
            return []
        try:
            written = canonical(tools)
        except TypeError:  # tool objects: a model that takes them as they are
            return [self.scrubber.value(_schema(tool)) for tool in tools]
        kept = self._tools.get(written)
        if kept is None:
            kept = self._tools[written] = [self.scrubber.value(_schema(tool)) for tool in tools]
        return list(kept)


def _numbers(settings: dict[str, Any]) -> dict[str, Any]:
    """A temperature of 0 is one of 0.0."""
    return {
        k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in settings.items()
    }


def _schema(tool: Any) -> Any:
    if isinstance(tool, dict):
        return plain(tool)
    from langchain_core.utils.function_calling import convert_to_openai_tool

    try:
        return plain(convert_to_openai_tool(tool))
    except (TypeError, ValueError):
        return plain(tool)


def _has(kind: Any, name: str) -> bool:
    """Whether objects of ``kind`` may have the attribute: a pydantic model is slow to say no."""
    fields = getattr(kind, "model_fields", None)
    return fields is None or name in fields or hasattr(kind, name)


@functools.lru_cache(maxsize=256)
def _own(kind: Hashable) -> tuple[tuple[str, ...], ...]:
    """Which names of settings, formats and the model's name objects of class ``kind`` may have."""
    return tuple(
        tuple(name for name in names if _has(kind, name)) for names in (_SAMPLER, _FORMAT, _NAMES)
    )


def _field(target: Any, name: str) -> Any:
    value = getattr(target, name, None)
    return None if value in ({}, []) or callable(value) else value


def _name(call: Call, identity: Mapping[str, Any]) -> str:
    if call.kind == "clock":
        return call.method
    target = call.target
    if call.kind in ("tool", "retrieve"):
        named = getattr(target, "name", None)
        return str(named) if named else type(target).__name__
    if identity.get("name"):
        return str(identity["name"])
    kind: Any = type(target)
    for field in _own(kind)[2]:
        value = getattr(target, field, None)
        if isinstance(value, str) and value:
            return value.replace("\\", "/").rsplit("/", 1)[-1] if field == "model_path" else value
    return str(getattr(target, "_llm_type", type(target).__name__))


def _identity(target: Any) -> dict[str, Any]:
    known = getattr(target, "identity", None)
    result = dict(plain(known)) if isinstance(known, Mapping) else {}
    provider = getattr(target, "_llm_type", None)
    if isinstance(provider, str):
        result.setdefault("provider", provider)
    return {k: v for k, v in result.items() if v is not None}


def _tool_parts(call: Call) -> dict[str, Any]:
    schema = getattr(call.target, "args_schema", None)
    hidden = _injected(schema) if isinstance(schema, type) else frozenset()
    hidden |= getattr(call.target, "_injected_args_keys", frozenset())
    return {"args": {k: plain(v) for k, v in call.arguments.items() if k not in hidden}}


@functools.lru_cache(maxsize=256)
def _injected(schema: type) -> frozenset[str]:
    """The arguments that no model sees: a call's id, an agent's state."""
    from langchain_core.tools.base import _is_injected_arg_type, get_all_basemodel_annotations

    try:
        notes = get_all_basemodel_annotations(schema)
    except (TypeError, NameError):  # a schema that names what it cannot see
        return frozenset()
    return frozenset(name for name, note in notes.items() if _is_injected_arg_type(note))


def _retrieve_parts(call: Call) -> dict[str, Any]:
    kind = type(call.target)
    options = {
        k: v for k in _RETRIEVER if _has(kind, k) and (v := _field(call.target, k)) is not None
    }
    parts = {k: plain(v) for k, v in call.arguments.items()}
    return parts | ({"options": plain(options)} if options else {})


def _embed_parts(call: Call) -> dict[str, Any]:
    return {name: plain(value) for name, value in call.arguments.items()}


def _clock_parts(call: Call) -> dict[str, Any]:
    return plain(dict(call.arguments))  # type: ignore[no-any-return]


_PARTS = {
    "tool": _tool_parts,
    "retrieve": _retrieve_parts,
    "embed": _embed_parts,
    "rerank": _embed_parts,
    "clock": _clock_parts,
}


def has_effects(call: Call) -> bool:
    """Whether ``call`` is of a tool that may change the world.

    Its metadata says (``{"side_effects": False}``), or its policy; of a tool that says nothing,
    nobody knows, so it counts as one that does.
    """
    if call.kind != "tool":
        return False
    metadata = getattr(call.target, "metadata", None) or {}
    if "side_effects" in metadata:
        return bool(metadata["side_effects"])
    return bool(getattr(getattr(call.target, "policy", None), "side_effects", True))
