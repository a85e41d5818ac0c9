"""Reading a message as the value its schema asks for."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, ValidationError

from agentlab.errors import GrammarError, InvalidOutput


def parse_structured(message: AIMessage, schema: dict[str, Any] | type) -> Any:
    """The first tool call's arguments, or the text read as JSON, checked against ``schema``.

    Returns an instance where ``schema`` is a pydantic class, plain values otherwise.

    Raises:
        InvalidOutput: it is not JSON, or does not fit; ``text`` is what came.
        GrammarError: ``schema`` is not a JSON schema.
    """
    if message.tool_calls:
        value: Any = message.tool_calls[0]["args"]
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = message.text
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidOutput(f"the answer is not JSON: {error}", text=text) from error
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        try:
            return schema.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise InvalidOutput(
                f"the answer is no {schema.__name__}: {place}: {first['msg'].lower()}", text=text
            ) from error
    return _checked(value, convert_to_json_schema(schema), text)


def _checked(value: Any, schema: dict[str, Any], text: str) -> Any:
    import jsonschema

    try:
        jsonschema.validate(value, schema)
    except jsonschema.ValidationError as error:
        raise InvalidOutput(
            f"the answer does not fit its schema: {error.json_path}: {error.message}", text=text
        ) from error
    except jsonschema.SchemaError as error:
        raise GrammarError(f"not a JSON schema: {error.json_path}: {error.message}") from error
    return value
