"""What a local model may be given with each call, checked the same way wherever it is given."""

from __future__ import annotations

import reprlib
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab.engine import Sampling

MAX_SEED = 2**32 - 2  # llama.cpp takes the next one for "any"
_Text = Annotated[str, Field(min_length=1)]


class CallParameters(BaseModel):
    """How an answer is decoded: fields of the model, and of every call."""

    model_config = ConfigDict(allow_inf_nan=False)

    temperature: float = Field(0.8, ge=0, le=10)
    top_p: float = Field(0.95, gt=0, le=1)
    top_k: int = Field(40, ge=0)
    min_p: float = Field(0.05, ge=0, lt=1)
    repeat_penalty: float = Field(1.0, gt=0, le=10)
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="None: a new one each call")
    n: int | None = Field(None, ge=1, le=128, description="answers of one generate; None: 1")
    max_tokens: int | None = Field(1024, ge=1, description="None: to the end of the context")
    stop: tuple[_Text, ...] | _Text | None = None
    logprobs: bool = False
    top_logprobs: int | None = Field(None, ge=0, le=100)

    def sampling(self, number: int = 0) -> Sampling:
        """How each token of the answer ``number`` is chosen.

        A seed is drawn where none was given; of several answers each has the next one.
        """
        from agentlab.engine import Sampling

        seed = secrets.randbelow(MAX_SEED + 1) if self.seed is None else self.seed + number
        seed %= MAX_SEED + 1
        return Sampling(
            seed=seed,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            repeat_penalty=self.repeat_penalty,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
        )

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings, however they were given."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def rivals(self) -> int | None:
        """How many likely tokens to report at each place; None for no log-probabilities."""
        return (self.top_logprobs or 0) if self.logprobs or self.top_logprobs else None


PER_CALL = frozenset(CallParameters.model_fields)


def call_parameters(own: object, given: Mapping[str, Any], model: str) -> CallParameters:
    """What is ``given`` with a call over the fields that ``own`` has.

    Those are checked too: copying a model with other values, and assignment, do not.

    Raises:
        ConfigError: names the first wrong one.
    """
    fields = {name: given[name] if name in given else getattr(own, name) for name in PER_CALL}
    try:
        return CallParameters(**fields)
    except ValidationError as error:
        raise wrong_parameter(error, model) from error


def wrong_parameter(error: ValidationError, model: str) -> ConfigError:
    """The first thing pydantic found wrong with a parameter, as a sentence."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "parameters"
    told = first["msg"][0].lower() + first["msg"][1:]
    return ConfigError(f"{model}: {name}={reprlib.repr(first['input'])} is wrong: {told}")
