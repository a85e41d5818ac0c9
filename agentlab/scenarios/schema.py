"""What a scenario file may hold, as strict models; :mod:`reading` finds the places of mistakes."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from agentlab._yaml import nearest

TARGETS = ("chain", "chat", "agent", "rag", "fork")
PROVIDERS = ("spec", "gguf", "hf", "openai", "cohere", "scripted")
ERRORS = ("timeout", "rate_limit", "connection")
Mode = Literal["none", "once", "new", "all", "verify"]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Text = Annotated[str, Field(min_length=1)]
Scalar = str | int | float | bool | None
Expect = Annotated[dict[str, Any], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)


class ModelEntry(BaseModel):
    """A model: one of spec, gguf, hf, openai, cohere, scripted, and parameters for load_model."""

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())

    spec: Text | None = Field(None, description="as load_model takes it, e.g. smollm2")
    gguf: Text | None = Field(None, description="a GGUF file, relative to the project")
    hf: Text | None = Field(None, description="REPO:PATTERN")
    openai: Text | None = None
    cohere: Text | None = None
    scripted: Text | None = Field(None, description="a YAML script, relative to the project")

    @model_validator(mode="after")
    def _one(self) -> ModelEntry:
        given = [name for name in PROVIDERS if getattr(self, name) is not None]
        if len(given) == 1:
            return self
        told = f"expected exactly one of {', '.join(PROVIDERS)}"
        near = [nearest(name, PROVIDERS) for name in self.model_extra or ()]
        raise ValueError(told + next(filter(None, near), ""))


Model = Text | ModelEntry


def _time(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return datetime.datetime.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError(f"expected a time such as 2026-01-05T09:00:00Z, not {value!r}")


class FreezeEntry(_Strict):
    """What the clock says (moved on by sleeping only), identifiers that count, seeded chance."""

    time: Annotated[datetime.datetime | None, BeforeValidator(_time)] = None
    uuid: Literal["seq"] | None = None
    random: int | None = None


class Repeat(_Strict):
    """``n`` recordings, of which ``pass`` must meet the expectations."""

    n: Annotated[int, Field(ge=1, le=1000)]
    passes: Annotated[int | None, Field(None, ge=1, alias="pass")]

    @model_validator(mode="after")
    def _fits(self) -> Repeat:
        if self.passes is not None and self.passes > self.n:
            raise ValueError(f"pass: {self.passes} is more than n: {self.n}")
        return self


class Inject(_Strict):
    """A document that a retriever did not find."""

    doc: Text | dict[str, Any]
    rank: Annotated[int, Field(ge=1)] = 1


ACTIONS = ("error", "return", "mutate", "drop", "inject", "delay", "finish")
PLACE = re.compile(r"(model|retriever|embed|rerank|tool:[\w.-]+)(#[1-9]\d{0,5})?")


class Fault(_Strict):
    """Something goes wrong at one place: the k-th call of a kind, and ``times`` calls from it."""

    at: Annotated[str, Field(pattern=rf"^{PLACE.pattern}$")]
    error: Text | None = Field(None, description="timeout, rate_limit, connection, or its message")
    returned: Annotated[Any, Field(alias="return")] = None
    mutate: Literal["truncate", "empty", "garble", "number*10", "stale"] | None = None
    drop: Text | None = Field(None, description="the id or source of a document")
    inject: Inject | None = None
    delay: Annotated[str | None, Field(pattern=r"^\d{1,6}(\.\d+)?(ms|s|m)$")] = None
    finish: Literal["length"] | None = None
    times: Annotated[int, Field(ge=1)] | Literal["always"] = 1

    @model_validator(mode="after")
    def _one(self) -> Fault:
        given = {"return" if n == "returned" else n for n in self.model_fields_set} & set(ACTIONS)
        if len(given) != 1:
            raise ValueError(f"expected exactly one of {', '.join(ACTIONS)}")
        return self

    @property
    def action(self) -> str:
        """Which of the seven it is."""
        given = {"return" if n == "returned" else n for n in self.model_fields_set}
        return next(name for name in ACTIONS if name in given)


class ForkEntry(_Strict):
    """Another scenario's recording, and where to branch from it."""

    of: Id
    at: Annotated[
        str, Field(pattern=rf"^({PLACE.pattern}|turn#[1-9]\d{{0,3}}|step#[1-9]\d{{0,5}})$")
    ]


class TurnEntry(_Strict):
    """One thing the user says, and what is expected of its answer."""

    user: Text
    expect: Expect | None = None


class ScenarioEntry(_Strict):
    """One target, what it is given, and what is expected of it."""

    id: Id
    chain: Text | None = Field(None, description="a chain that ships, or module:attribute")
    chat: Text | None = Field(None, description="a prompt's name, or module:attribute")
    agent: Text | None = Field(None, description="module:attribute")
    rag: Text | None = Field(None, description="module:attribute")
    fork: ForkEntry | None = None
    model: Model | None = Field(None, description="a name under models, or a spec")
    memory: Text | None = Field(None, description="buffer, window:4, tokens:2000, summary, …")
    system: Text | None = None
    tools: Annotated[list[Text], Field(min_length=1)] | None = Field(
        None, description="of a chat: names, or module:attribute; with them an agent answers"
    )
    input: Any = None
    turns: Annotated[list[TurnEntry], Field(min_length=1)] | None = None
    expect: Expect | None = None
    matrix: dict[str, Annotated[list[Any], Field(min_length=1)]] | None = None
    faults: list[Fault] = []
    repeat: Repeat | None = None
    freeze: FreezeEntry | None = None
    record: Mode | None = None
    tags: list[Text] = []
    skip: bool | Text = False
    level: Literal["fail", "warn"] = "fail"

    @model_validator(mode="after")
    def _whole(self) -> ScenarioEntry:
        given = [name for name in TARGETS if getattr(self, name) is not None]
        if len(given) != 1:
            told = f", not {' and '.join(given)}" if given else ""
            raise ValueError(f"expected exactly one target of {', '.join(TARGETS)}{told}")
        said = [name for name in ("input", "turns") if name in self.model_fields_set]
        if len(said) > 1 or (not said and given != ["fork"]):
            raise ValueError("expected one of input and turns")
        if self.tools and given != ["chat"]:
            raise ValueError(f"only a chat is given tools by their names, not a {given[0]}")
        if self.tools and ":" in str(self.chat):
            raise ValueError(f"{self.chat} brings its own tools: give a prompt's name, or no tools")
        if self.turns and given[0] in ("chain", "rag"):
            raise ValueError(f"a {given[0]} has no turns: give it an input")
        return self

    @property
    def target(self) -> str:
        """Which kind of target it has."""
        return next(name for name in TARGETS if getattr(self, name) is not None)


class Stub(_Strict):
    """What a tool that never runs returns."""

    stub: Scalar | dict[str, Any] | list[Any]


class FileEntry(_Strict):
    """A file of scenarios."""

    agentlab: Literal[1]
    record: Mode | None = Field(None, description="none under CI and once elsewhere by default")
    freeze: FreezeEntry | None = None
    models: dict[str, Model] = {}
    tools: dict[str, Literal["replay", "run", "stub"] | Stub] = {}
    redact: list[Text] = Field([], description="regular expressions of secrets")
    on_drift: Literal["fail", "likelihood", "live"] = "likelihood"
    cassettes: Text = "cassettes"
    min_kill: Annotated[float | int | None, Field(ge=0, le=1)] = None
    prices: dict[str, dict[str, float | int]] = Field({}, description="US$ for a million tokens")
    scenarios: Annotated[list[ScenarioEntry], Field(min_length=1)]


def json_schema() -> dict[str, Any]:
    """The JSON schema of a scenario file, for editors."""
    from agentlab.scenarios import expectations

    schema = FileEntry.model_json_schema(by_alias=True)
    of_expect = getattr(expectations, "json_schema", None)
    if of_expect is not None:
        found = of_expect()
        for name, part in found.pop("$defs", {}).items():
            schema["$defs"].setdefault(name, part)
        schema["$defs"]["Expect"] = found
        for entry in ("ScenarioEntry", "TurnEntry"):
            schema["$defs"][entry]["properties"]["expect"] = {"$ref": "#/$defs/Expect"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
