"""Names for what a session talks to, so that a script can load the same again."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel

from agentlab.session.target import steps_of

_PARAMETERS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repeat_penalty",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "max_tokens",
    "stop",
    "n_ctx",
    "base_url",
)
_OPENAI = "https://api.openai.com/"


def describe(target: Any, model: BaseChatModel | None) -> dict[str, Any]:
    """``model`` (a spec), ``parameters`` set on it and ``prompt`` (a name), as far as known.

    Of answers from documents also ``docs``, the folder of their index.
    """
    known: dict[str, Any] = {}
    spec = model_spec(model)
    if model is not None and spec:
        known["model"] = spec
        given = {n: getattr(model, n) for n in _PARAMETERS if n in model.model_fields_set}
        address = getattr(model, "openai_api_base", None)  # what langchain calls base_url
        if address and not address.startswith(_OPENAI):
            given["base_url"] = address
        parameters = {name: value for name, value in given.items() if value is not None}
        if parameters:
            known["parameters"] = parameters
    index = getattr(getattr(target, "retriever", None), "index", None)
    if index is not None:
        from agentlab.rag.answer import PROMPT

        prompt = getattr(getattr(target, "prompt", None), "name", PROMPT)
        return known | {"docs": str(index.path)} | ({"prompt": prompt} if prompt != PROMPT else {})
    for step in steps_of(target):
        if hasattr(step, "takes_history") and getattr(step, "name", None):
            known["prompt"] = step.name
            break
    return known


def model_spec(model: Any) -> str:
    """The text by which ``load_model`` loads ``model`` again, empty where it is not known."""
    spec = getattr(model, "spec", None)
    if isinstance(spec, str) and spec:
        return spec
    script = getattr(model, "script", None)
    if isinstance(script, str) and script:
        return f"scripted:{script}"
    provider = type(model).__module__.removeprefix("agentlab.models.")
    name = getattr(model, "model_name", None) or getattr(model, "model", None)
    return f"{provider}:{name}" if provider in ("openai", "cohere") and name else ""


def free_name(name: str, taken: list[str]) -> str:
    """``name~1``, or with the first number that is not in ``taken``."""
    number = 1
    while f"{name}~{number}" in taken:
        number += 1
    return f"{name}~{number}"
