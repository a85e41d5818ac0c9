"""``load_model``: one spec, one LangChain chat model.

========================  ==========================================================
``smollm2``               SmolLM2-135M-Instruct, the model in the box
``gguf:PATH``             a GGUF file
``hf:REPO:PATTERN``       a GGUF file from the hub, pinned by its sha256 when first loaded
``served:PATH``           a GGUF file behind llama.cpp's own server, in this process
``openai:NAME``           OpenAI, or a compatible server by ``base_url``
``cohere:NAME``           Cohere
``scripted:PATH``         answers from a YAML script, for tests
========================  ==========================================================
"""

from __future__ import annotations

import difflib
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.boundary import recordable
from agentlab.errors import AgentLabError, ConfigError, UnknownModel
from agentlab.offline import is_offline

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["context_length", "load_model"]

BOX = "smollm2"
KINDS = ("gguf", "hf", "served", "openai", "cohere", "scripted")


def load_model(spec: str | BaseChatModel | None = None, **params: Any) -> BaseChatModel:
    """The chat model that ``spec`` names, crossing the boundary.

    Args:
        spec: see the module; None is the setting ``model`` (``smollm2`` unless set). A model is
            returned as it is, made to cross the boundary.
        params: sampling and loading parameters: temperature, top_p, top_k, min_p, repeat_penalty,
            seed, max_tokens, stop, n_ctx, n_batch, n_threads, n_gpu_layers, … for local models
            (docs/models.md); what the provider takes for hosted ones (docs/hosted.md).

    Raises:
        UnknownModel: the spec names nothing known, or a file that is not there.
        ModelFileError, ChecksumError: the file is not a whole GGUF model, or not the pinned one.
        MissingKey, MissingExtra: the provider's key, or its package.
        ConfigError: a parameter is unknown or wrong.
    """
    if spec is None:
        from agentlab.config import settings

        spec = settings().model
    if isinstance(spec, PathLike):
        raise UnknownModel(f"{str(spec)!r} is no model spec", hint=f"for a file, write gguf:{spec}")
    if not isinstance(spec, str):
        if params:
            raise ConfigError(
                f"a model that is given takes no {next(iter(params))!r}",
                hint="give the parameter to the model itself, or use model.bind(…)",
            )
        return recordable(spec)
    return recordable(_create(spec.strip(), params))


def context_length(model: BaseChatModel) -> int | None:
    """How many tokens ``model`` can read and write together, None where it is not known."""
    known = getattr(model, "context_length", None)
    if isinstance(known, int):
        return known
    profile = getattr(model, "profile", None) or {}
    limit = profile.get("max_input_tokens")
    return limit if isinstance(limit, int) else None


def _create(spec: str, params: dict[str, Any]) -> BaseChatModel:
    kind, colon, name = spec.partition(":")
    if spec == BOX:
        return _gguf(_box_file(), spec, params)
    if not colon or kind not in KINDS:
        raise _unknown(spec)
    if not name.strip():
        raise UnknownModel(f"{spec!r} names no model", hint=f"write {kind}:{_EXAMPLES[kind]}")
    if kind == "gguf":
        return _gguf(Path(name).expanduser(), spec, params)
    if kind == "hf":
        return _gguf(_hub_file(spec), spec, params)
    if kind == "scripted":
        from agentlab.models.scripted import create as scripted

        return scripted(str(Path(name).expanduser()), **params)
    if kind == "served":
        from agentlab.models.served import create as served

        return served(Path(name).expanduser(), spec, **params)
    if kind == "openai":
        from agentlab.models.openai import create as openai

        return openai(name, **params)
    from agentlab.models.cohere import create as cohere

    return cohere(name, **params)


_EXAMPLES = {
    "gguf": "models/qwen2.5-1.5b-instruct-q4_k_m.gguf",
    "hf": "Qwen/Qwen2.5-1.5B-Instruct-GGUF:*q4_k_m*",
    "served": "models/qwen2.5-1.5b-instruct-q4_k_m.gguf",
    "openai": "gpt-4o-mini",
    "cohere": "command-r-08-2024",
    "scripted": "answers.yaml",
}


def _box_file() -> Path:
    """The file of the model in the box; in replay it need not be there, and is not read."""
    from agentlab.models.box import BOX_NAME, box_model, find_box_model

    if not is_offline():
        return box_model()
    try:
        return find_box_model()
    except AgentLabError:
        return Path(BOX_NAME)


def _hub_file(spec: str) -> Path:
    """The file that ``spec`` means; in replay nobody asks the hub for it."""
    from agentlab.models.hub_names import HubSpec

    parsed = HubSpec.parse(spec)
    if is_offline():
        return Path(parsed.pattern)
    from agentlab.models.hub import fetch

    return fetch(parsed.repo, parsed.pattern, revision=parsed.revision)


def _gguf(path: Path, spec: str, params: dict[str, Any]) -> BaseChatModel:
    from agentlab.models.checksums import check_sha256
    from agentlab.models.gguf import create

    expected = params.pop("sha256", None)
    model = create(path, spec, **params)
    if expected is not None and not is_offline():
        check_sha256(path, str(expected), hint="download the file again, or correct sha256=")
    return model


def _unknown(spec: str) -> UnknownModel:
    kind, colon, name = spec.partition(":")
    near = difflib.get_close_matches(kind.lower(), (BOX, *KINDS), n=1)
    if spec.lower().endswith(".gguf") and not (colon and near):
        return UnknownModel(f"{spec!r} is no model spec", hint=f"for a file, write gguf:{spec}")
    if near:
        hint = f"did you mean {near[0]}{':' + name if colon and near[0] != BOX else ''}?"
    else:
        hint = f"use {BOX}, or one of " + ", ".join(f"{k}:{_EXAMPLES[k]}" for k in KINDS)
    return UnknownModel(f"there is no model {spec!r}", hint=hint)
