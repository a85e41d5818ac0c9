"""A prompt's ``config``: checked when the file is read, put on a model when they are joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentlab.errors import PromptError

if TYPE_CHECKING:
    from agentlab.prompts.frontmatter import Located

# name -> what it is, the least and the greatest value
_NUMBERS: dict[str, tuple[type, float, float]] = {
    "temperature": (float, 0, 10),
    "top_p": (float, 0, 1),
    "top_k": (int, 0, 1_000_000),
    "min_p": (float, 0, 1),
    "repeat_penalty": (float, 0, 10),
    "seed": (int, -(2**63), 2**63),
    "max_tokens": (int, 1, 10_000_000),
}
CONFIG_KEYS = (*_NUMBERS, "stop")


def check_config(config: Located, file: str) -> dict[str, Any]:
    """``config`` with each value of its type; ``stop`` always a list.

    Raises:
        PromptError: an unknown key, or a value of the wrong type or out of range.
    """
    from agentlab.prompts.reading import nearest

    checked: dict[str, Any] = {}
    for key, value in config.items():
        place = f"{file}:{config.lines[key]}"
        if key == "stop":
            texts = [value] if isinstance(value, str) else value
            if not isinstance(texts, list) or not all(isinstance(t, str) and t for t in texts):
                raise PromptError(f"{place}: config.stop must be a text or a list of texts")
            checked[key] = texts
        elif key in _NUMBERS:
            kind, least, most = _NUMBERS[key]
            fits = isinstance(value, (int, float) if kind is float else int)
            if not fits or isinstance(value, bool) or not least <= value <= most:
                what = "a number" if kind is float else "a whole number"
                raise PromptError(
                    f"{place}: config.{key} must be {what} from {least} to {most}, not {value!r}"
                )
            checked[key] = kind(value)
        else:
            raise PromptError(
                f"{place}: unknown key 'config.{key}'{nearest(key, CONFIG_KEYS)}",
                hint=f"the keys are {', '.join(CONFIG_KEYS)}; "
                "give a provider's own settings to load_model",
            )
    return checked


def configured(target: Any, config: Mapping[str, Any]) -> Any:
    """``target`` with ``config`` on the chat model in it, for what the user left open.

    A model is copied, never changed. A field the user gave to the model, or bound to it, stays; a
    setting that the model has no field for is bound. Looks into bindings, fallbacks and the first
    step of a sequence; anything else comes back as it is.
    """
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableSequence, RunnableWithFallbacks
    from langchain_core.runnables.base import RunnableBindingBase

    from agentlab.models._parameters import not_taken

    if not config:
        return target
    if isinstance(target, BaseChatModel):
        fields = type(target).model_fields
        config = {k: v for k, v in config.items() if k not in not_taken(target)}
        update = {k: v for k, v in config.items() if k in fields}
        update = {k: v for k, v in update.items() if k not in target.model_fields_set}
        copied = target.model_copy(update=update) if update else target
        if update:
            copied.__dict__.pop("_serialized", None)  # cached, with the old values
        bound = {k: v for k, v in config.items() if k not in fields}
        return copied.bind(**bound) if bound else copied
    if isinstance(target, RunnableBindingBase):
        left = {k: v for k, v in config.items() if k not in target.kwargs}
        inner = configured(target.bound, left)
        return target if inner is target.bound else target.model_copy(update={"bound": inner})
    if isinstance(target, RunnableSequence):
        inner = configured(target.first, config)
        return target if inner is target.first else target.model_copy(update={"first": inner})
    if isinstance(target, RunnableWithFallbacks):
        return target.model_copy(
            update={
                "runnable": configured(target.runnable, config),
                "fallbacks": [configured(other, config) for other in target.fallbacks],
            }
        )
    return target
