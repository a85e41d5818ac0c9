"""Self-consistency: several ways to an answer, and the answer that most of them come to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.runnables import Runnable

from agentlab.chains.steps import needs
from agentlab.errors import ConfigError, InvalidOutput
from agentlab.events import Considered, Usage
from agentlab.reasoning.models import (
    copied,
    ends_in_steps,
    find_model,
    seed_of,
    takes_history,
    whole,
    with_settings,
)
from agentlab.reasoning.program import Reasoning
from agentlab.reasoning.results import answer_of, as_result, ends_cut
from agentlab.reasoning.steps import Ask, AskAll, Do, Program
from agentlab.reasoning.votes import Ballot, Count, cosine_above, normaliser

MIN_SIMILARITY = 0.85


def self_consistency(
    chain: Runnable[Any, Any],
    *,
    n: int = 5,
    temperature: float = 0.7,
    vote: Ballot = "auto",
    choices: Sequence[str] = (),
    early_stop: bool = True,
    together: int | None = None,
    embeddings: Embeddings | str | None = None,
    min_similarity: float = MIN_SIMILARITY,
) -> SelfConsistency:
    """Ask ``chain`` up to ``n`` times and return the answer most often given.

    Wang et al., *Self-Consistency Improves Chain of Thought Reasoning in Language Models*, 2023.
    The result is a dict: ``answer``; ``share``, its share of the paths taken; ``votes``, each
    answer's count; ``paths``, each with ``answer``, ``thought`` and ``vote`` (None where it was
    spoiled: cut, or not of the kind asked for); ``asked``, how many paths were taken; ``settled``,
    whether it stopped since the lead could not be caught; ``usage`` and ``messages``.

    Paths are asked for in rounds, each of them one batch, as small as may settle the vote: stopping
    early loses nothing to asking one by one. Of equals the answer that came first wins.

    Args:
        chain: gives a text, a message, or a dict with ``answer``, as ``chain_of_thought`` does;
            of another dict the vote is on all of it, of a chain of steps on its last one.
        n: the most paths.
        temperature: set on the models in ``chain``. A model's own ``seed`` becomes the first
            path's; each further path has the next one.
        vote: ``number`` (in any spelling), ``choices`` (one in its own case comes before one in
            another), ``text`` (by similarity of meaning, never with other numbers in them), or
            ``auto``: numbers with their units (one without is the same as one with, 10 May is not
            10 June), else texts that differ in case and signs only.
        early_stop: False always takes all ``n`` paths.
        together: the most paths asked for at once; 1 asks one by one.
        embeddings: for ``text``, by default those in the box.
        min_similarity: the cosine from which on two texts are one answer.

    Raises:
        ConfigError: an argument is wrong, or no chat model is seen in ``chain``.
    """
    for name, value, least in (("n", n, 1), ("together", together, 1)):
        wrong = isinstance(value, bool) or not isinstance(value, int) or value < least
        if wrong and not (name == "together" and value is None):
            raise ConfigError(f"{name} must be a whole number of at least {least}, not {value!r}")
    if not isinstance(min_similarity, int | float) or not 0 < min_similarity <= 1:
        raise ConfigError(f"min_similarity must be above 0 and at most 1, not {min_similarity!r}")
    number = isinstance(temperature, int | float) and not isinstance(temperature, bool)
    if not number or not 0 <= temperature < float("inf"):
        raise ConfigError(f"temperature must be a number of at least 0, not {temperature!r}")
    if isinstance(choices, str) or not isinstance(choices, Collection):
        raise ConfigError(f"choices is a list of texts, not {choices!r}", hint=f"[{choices!r}]")
    normaliser(vote, tuple(choices))
    hot = with_settings(chain, {"temperature": temperature})
    if hot is chain and find_model(chain) is None:
        raise ConfigError(
            f"there is no chat model to be seen in {type(chain).__name__}, "
            "so its temperature can't be set",
            hint="give prompt | model, chain_of_thought(model) or a chain of them",
        )
    vectors: Embeddings | None = None
    if vote == "text":
        from agentlab.models.embeddings import BOX, load_embeddings

        vectors = load_embeddings(embeddings if embeddings is not None else BOX)
    return SelfConsistency(
        hot, n, vote, tuple(choices), early_stop, together, vectors, min_similarity
    )


class SelfConsistency(Reasoning):
    """See :func:`self_consistency`. Streams a ``Considered`` event a path."""

    label = "self_consistency"

    def __init__(
        self,
        chain: Runnable[Any, Any],
        n: int,
        vote: Ballot,
        choices: tuple[str, ...],
        early_stop: bool,
        together: int | None,
        embeddings: Embeddings | None,
        min_similarity: float,
    ) -> None:
        self.chain = chain
        self.n = n
        self.takes_history = takes_history(chain)
        self._ballot = normaliser(vote, choices)
        self._units = vote in ("auto", "text")
        self._early_stop = early_stop
        self._together = together
        self._embeddings = embeddings
        self._min_similarity = min_similarity

    def __repr__(self) -> str:
        return f"SelfConsistency({self.chain!r}, n={self.n})"

    @property
    def model(self) -> Any:
        """The chat model in its chain."""
        return find_model(self.chain)

    def needed(self) -> list[str]:
        """What its chain needs."""
        return needs(self.chain)

    def mapped(self, change: Callable[[Any], Any]) -> SelfConsistency:
        """A copy that asks ``change(chain)``."""
        chain = change(self.chain)
        return self if chain is self.chain else copied(self, chain=chain)

    def program(self, input: Any) -> Program:
        """Rounds of paths until the vote is settled."""
        chains = self._chains()
        vectors: dict[str, Any] = {}
        similar = cosine_above(vectors, self._min_similarity) if self._embeddings else None
        count = Count(similar, self._units)
        paths: list[dict[str, Any]] = []
        while (left := self.n - len(paths)) and not (self._early_stop and count.settled(left)):
            size = count.next_round(left) if self._early_stop else left
            size = min(size, self._together or size)
            asks = tuple(Ask(chains(len(paths) + k), input) for k in range(size))
            answers = yield AskAll(asks, tolerated=(InvalidOutput,))
            taken = [self._path(answer) for answer in answers]
            yield from self._embed([path["vote"] for path in taken], vectors)
            for path in taken:
                count.add(len(paths), path["vote"])
                paths.append(path)
                yield Considered("path", str(path["answer"]), {"number": len(paths), **path})
        if not count.groups:
            raise InvalidOutput(
                f"none of {len(paths)} paths came to an answer that can be counted",
                text=str(paths[0]["answer"]),
                hint="give more max_tokens, or another vote",
            )
        winner = count.ranked[0][1]
        return {
            "answer": paths[winner[0]]["answer"],
            "share": len(winner) / len(paths),
            "votes": {paths[group[0]]["answer"]: len(group) for _, group in count.ranked},
            "paths": paths,
            "asked": len(paths),
            "settled": len(paths) < self.n,
        }

    def finished(self, value: Any, usage: Usage) -> Any:
        """The result."""
        return as_result(value, usage)

    def _chains(self) -> Callable[[int], Runnable[Any, Any]]:
        """The chain of each path: with seeds one after the other where its model has one."""
        chain = whole(self.chain)
        seed = seed_of(chain)
        if seed is None:
            return lambda number: chain  # one chain, so that a batch is one batch
        return lambda number: with_settings(chain, {"seed": seed + number})

    def _embed(self, votes: list[str | None], vectors: dict[str, Any]) -> Any:
        embeddings = self._embeddings
        new = list(dict.fromkeys(vote for vote in votes if vote and vote not in vectors))
        if embeddings is not None and new:
            found = yield Do(lambda: embeddings.embed_documents(new))
            vectors.update(zip(new, found, strict=True))

    def _path(self, output: Any) -> dict[str, Any]:
        if isinstance(output, InvalidOutput):
            return {"answer": output.text, "thought": "", "vote": None, "error": str(output)}
        answer, thought = answer_of(output, last=ends_in_steps(self.chain))
        vote = None if ends_cut(output) else self._ballot(answer)
        return {"answer": answer, "thought": thought, "vote": vote}
