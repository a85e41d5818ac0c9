"""The options of ``run`` for better answers: thinking first, votes, and forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

Cot = Annotated[bool, typer.Option("--cot", help="Think step by step first; for a prompt.")]
Tree = Annotated[bool, typer.Option("--tree", help="Search over thoughts first; for a prompt.")]
AnswerKind = Annotated[
    str | None,
    typer.Option(
        "--answer", metavar="KIND", help="Of --cot and --tree: text, number, or choices: A,B,C."
    ),
]
Votes = Annotated[
    int | None,
    typer.Option(
        "--self-consistency", metavar="N", help="The answer that most of N answers agree on."
    ),
]
Vote = Annotated[
    str | None,
    typer.Option("--vote", metavar="KIND", help="What is one answer: auto, number, choices, text."),
]
Choices = Annotated[
    str | None, typer.Option(metavar="A,B,C", help="Nothing but one of these is an answer.")
]
Regex = Annotated[str | None, typer.Option(help="The whole answer matches this.")]
Schema = Annotated[
    str | None, typer.Option(metavar="FILE", help="The answer fits the JSON schema in FILE.")
]


@dataclass(frozen=True, slots=True)
class Reasoned:
    """What was asked for by the options; see :func:`reasoned`."""

    cot: bool = False
    tree: bool = False
    answer: str | None = None
    votes: int | None = None
    vote: str | None = None
    choices: str | None = None
    regex: str | None = None
    schema: str | None = None

    @property
    def thinking(self) -> str:
        """The option that is for a prompt; empty where there is none."""
        return "--cot" if self.cot else "--tree" if self.tree else ""

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            ConfigError: they do not.
        """
        from agentlab.errors import ConfigError

        forms = [name for name in ("choices", "regex", "schema") if getattr(self, name) is not None]
        if self.cot and self.tree:
            raise ConfigError("--cot and --tree are two ways to an answer", hint="give one of them")
        if self.answer is not None and not self.thinking:
            raise ConfigError(
                "--answer is of --cot or --tree",
                hint="without them --choices, --regex or --schema holds an answer to a form",
            )
        if self.thinking and forms:
            raise ConfigError(
                f"{self.thinking} can't be held to --{forms[0]}", hint="give --answer in its place"
            )
        if self.vote is not None and self.votes is None:
            raise ConfigError("--vote is of --self-consistency", hint="--self-consistency 5")

    def of_prompt(self, prompt: Any, model: Any) -> Runnable[Any, Any]:
        """``prompt`` and ``model``, as they are to be asked."""
        if self.cot:
            from agentlab.reasoning import chain_of_thought

            return chain_of_thought(model, prompt, answer=self._kind())
        if self.tree:
            from agentlab.reasoning import tree_of_thought
            from agentlab.reasoning.prompted import Prompted

            return Prompted(prompt, tree_of_thought(model, answer=self._kind()))
        chain: Runnable[Any, Any] = prompt | model
        return chain

    def around(self, runnable: Runnable[Any, Any], temperature: Any) -> Runnable[Any, Any]:
        """``runnable``, held to the form and voted on; a ``temperature`` that was given stays."""
        form = {"choices": _listed(self.choices), "regex": self.regex, "schema": self._json()}
        if any(value is not None for value in form.values()):
            from agentlab.reasoning import validated

            runnable = validated(runnable, **form)
        if self.votes is None:
            return runnable
        from agentlab.reasoning import self_consistency

        kind = self._kind()
        named = _listed(self.choices) or (kind if isinstance(kind, list) else [])
        given = {} if temperature is None else {"temperature": temperature}
        vote: Any = self.vote or "auto"
        return self_consistency(runnable, n=self.votes, vote=vote, choices=named, **given)

    def _kind(self) -> str | list[str]:
        if self.answer is None or self.answer in ("text", "number"):
            return self.answer or "text"
        choices = _listed(self.answer) or []
        if len(choices) < 2:
            from agentlab.errors import ConfigError

            raise ConfigError(
                f"--answer is text, number or two choices at least, not {self.answer!r}",
                hint="--answer yes,no",
            )
        return choices

    def _json(self) -> Any:
        import json
        from pathlib import Path

        from agentlab.errors import ConfigError

        if self.schema is None:
            return None
        try:
            return json.loads(Path(self.schema).expanduser().read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"the schema {self.schema} cannot be read: {error}") from error


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
