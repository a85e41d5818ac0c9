"""Reading a message as the value its schema asks for."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, ValidationError

from agentlab.errors import GrammarError, InvalidOutput
from agentlab.models._json_schema import Misfit, WrongSchema, check_fit, check_value, read_json

# What providers call it, and what they say where `max_tokens` ended an answer.
ENDED = ("finish_reason", "stop_reason", "done_reason", "stopReason", "incomplete_details")
_CUT = ("length", "max_tokens", "max_output_tokens", "model_length")


def was_cut(message: BaseMessage) -> bool:
    """Whether ``message`` ended since its tokens ran out, by whatever name its provider has."""
    told = message.response_metadata
    reasons = [told.get(name) for name in ENDED]
    incomplete = told.get("incomplete_details")
    if isinstance(incomplete, dict):
        reasons.append(incomplete.get("reason"))
    return any(str(getattr(r, "name", r)).casefold() in _CUT for r in reasons)


def structured(
    model: Runnable[LanguageModelInput, AIMessage],
    schema: dict[str, Any] | type | None,
    *,
    include_raw: bool = False,
) -> Runnable[LanguageModelInput, Any]:
    """``model``, with its answers read as ``schema``; LangChain's ``with_structured_output``.

    With ``include_raw`` the result has ``raw``, ``parsed`` and ``parsing_error``, and nothing is
    raised where an answer does not fit.
    """

    def parse(message: AIMessage) -> Any:
        return parse_structured(message, schema)

    def parse_raw(out: dict[str, Any]) -> Any:
        return parse(out["raw"])

    if not include_raw:
        return model | RunnableLambda(parse)
    keep = RunnablePassthrough.assign(parsed=parse_raw, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return {"raw": model} | keep.with_fallbacks([failed], exception_key="parsing_error")


def parse_structured(message: AIMessage, schema: dict[str, Any] | type | None) -> Any:
    """The first tool call's arguments, or the text read as JSON, checked against ``schema``.

    Returns an instance where ``schema`` is a pydantic class, plain values otherwise.

    Raises:
        InvalidOutput: it is not JSON, or does not fit; ``text`` is what came.
        GrammarError: ``schema`` is not a JSON schema.
    """
    if message.tool_calls:
        value: Any = message.tool_calls[0]["args"]
        text = json.dumps(value, ensure_ascii=False)
        try:
            check_value(value)
        except ValueError as error:
            raise InvalidOutput(f"the answer is not JSON: {error}", text=text) from error
    else:
        text = message.text
        try:
            value = read_json(text)
        except (ValueError, RecursionError) as error:
            raise _not_json(message, text, error) from error
    if schema is None:
        return value
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        try:
            return schema.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise InvalidOutput(
                f"the answer is no {schema.__name__}: {place}: {first['msg'].lower()}", text=text
            ) from error
    if isinstance(schema, dict) and not schema.keys() & {"function", "parameters"}:
        return _checked(value, schema, text)
    return _checked(value, convert_to_json_schema(schema), text)


def _not_json(message: AIMessage, text: str, error: Exception) -> InvalidOutput:
    if refusal := message.additional_kwargs.get("refusal"):
        return InvalidOutput(f"the model refused: {refusal}", text=str(refusal))
    if was_cut(message):
        return InvalidOutput(
            "the answer was cut before it fit its schema",
            text=text,
            hint="give a larger `max_tokens`",
        )
    return InvalidOutput(f"the answer is not JSON: {error}", text=text)


def _checked(value: Any, schema: dict[str, Any], text: str) -> Any:
    try:
        check_fit(value, schema)
    except Misfit as error:
        raise InvalidOutput(f"the answer does not fit its schema: {error}", text=text) from error
    except WrongSchema as error:
        raise GrammarError(f"not a JSON schema: {error}") from error
    return value
