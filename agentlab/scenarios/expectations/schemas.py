"""JSON schemas of expectations, checked when they are read."""

from __future__ import annotations

from typing import Any

from agentlab.models._json_schema import WrongSchema
from agentlab.models._json_schema import validator_of as _validator_of
from agentlab.scenarios.expectations.base import Place, wrong


def validator_of(schema: Any, place: Place) -> Any:
    """The validator of ``schema``, by the draft it names, else 2020-12.

    Raises:
        ScenarioError: it is no JSON schema, or refers to what is not in it.
    """
    try:
        return _validator_of(schema)
    except WrongSchema as error:
        # A date, say, which YAML has and JSON has not.
        hint = "quote the value" if isinstance(error.__cause__, TypeError) else ""
        raise wrong(place, f"not a JSON schema: {error}", hint) from error
