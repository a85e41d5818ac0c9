"""The forms an answer of a local model can be held to, and reading it back as a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema

from agentlab.errors import AgentLabError, ConfigError, GrammarError, InvalidOutput
from agentlab.models._structured import parse_structured
from agentlab.offline import is_offline

if TYPE_CHECKING:
    from agentlab.engine import Constraint

FORMATS = frozenset({"grammar", "lark", "regex", "choices", "response_format"})


def constraint_of(given: Mapping[str, Any]) -> Constraint | None:
    """The constraint that a call asks for by one of :data:`FORMATS`, None without one.

    In replay nothing is decoded, so nothing is compiled, and it is None.

    Raises:
        GrammarError: it does not compile.
        ConfigError: there is more than one, or a ``response_format`` of an unknown form.
    """
    forms = {name: value for name, value in given.items() if value is not None}
    if not forms or is_offline():
        return None
    if len(forms) > 1:
        raise ConfigError(f"give one of {', '.join(sorted(forms))}, not several")
    from agentlab.engine import compile_choices, compile_grammar, compile_lark, compile_regex

    ((name, value),) = forms.items()
    if name == "response_format":
        return _of_response_format(value)
    if name == "choices":
        return compile_choices(value if isinstance(value, str) else list(value))
    if not isinstance(value, str):
        raise GrammarError(f"{name} must be text, not {type(value).__name__}")
    if name == "grammar":
        return compile_grammar(value)
    return compile_lark(value) if name == "lark" else compile_regex(value)


def _of_response_format(value: Any) -> Constraint | None:
    from agentlab.engine import compile_schema

    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return compile_schema(value.get("schema") or {"type": "object"})
    if kind == "json_schema" and isinstance(value.get("json_schema"), Mapping):
        schema = value["json_schema"].get("schema")
        if isinstance(schema, Mapping):
            return compile_schema(schema)
    raise ConfigError(
        f"response_format {value!r} is of no known form",
        hint='it is {"type": "json_schema", "json_schema": {"name": …, "schema": {…}}}, '
        '{"type": "json_object"} or {"type": "text"}',
    )


def _json_schema(schema: Any) -> dict[str, Any]:
    """The JSON schema of a pydantic class, TypedDict, OpenAI tool, or a JSON schema itself."""
    if isinstance(schema, dict) and not schema.keys() & {"function", "parameters"}:
        return schema  # one without title or description too
    if not isinstance(schema, dict | type):
        raise ConfigError(
            f"a schema is a pydantic class, a TypedDict or a dict, not {type(schema).__name__}"
        )
    try:
        return convert_to_json_schema(schema)
    except (TypeError, ValueError, KeyError) as error:
        raise GrammarError(f"no JSON schema can be made of {schema!r}: {error}") from error


def _closed(schema: Any) -> Any:
    """``schema`` without room for properties it does not name, where it does not say so itself.

    A small model with room for more writes more until its tokens run out.
    """
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        key: value if key in ("const", "enum", "default", "examples") else _closed(value)
        for key, value in schema.items()
    }
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def structured(
    model: BaseChatModel, schema: dict[str, Any] | type, *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """``model`` held to ``schema``, then its answer as a value."""
    json_schema = _closed(_json_schema(schema))
    if not is_offline():
        from agentlab.engine import compile_schema

        compile_schema(json_schema)
    name = str(json_schema.get("title") or "answer")
    form = {"type": "json_schema", "json_schema": {"name": name, "schema": json_schema}}
    bound = model.bind(response_format=form)

    def parse(message: AIMessage) -> Any:
        if message.response_metadata.get("finish_reason") == "length":
            raise InvalidOutput(
                f"the answer was cut before it could fit {name}: it ran out of tokens",
                text=message.text,
                hint="give more max_tokens, or bounds (maxLength, maxItems) in the schema",
            )
        return parse_structured(message, schema)

    if not include_raw:
        return bound | RunnableLambda(parse, name="parse")

    def parsed(found: dict[str, Any]) -> dict[str, Any]:
        try:
            return {**found, "parsed": parse(found["raw"]), "parsing_error": None}
        except AgentLabError as error:
            return {**found, "parsed": None, "parsing_error": error}

    return {"raw": bound} | RunnablePassthrough() | RunnableLambda(parsed, name="parse")
