"""Worked examples as chains: each a function of a model, for ``agentlab run`` and scenarios.

The ideas are those of the examples in J. Alammar and M. Grootendorst, *Hands-On Large Language
Models* (O'Reilly, 2024), chapter 6; the prompts are written anew.
"""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict, Field

from agentlab.chains import Chain, sequential
from agentlab.prompts import load_prompt
from agentlab.reasoning.examples import few_shot
from agentlab.reasoning.filling import FillIn, fill_in
from agentlab.reasoning.rules import max_words
from agentlab.reasoning.stepwise import ChainOfThought, chain_of_thought
from agentlab.reasoning.tree_search import TreeOfThought, tree_of_thought
from agentlab.reasoning.validating import Validated, validated
from agentlab.reasoning.voting import SelfConsistency, self_consistency

ARMOR = ("leather", "chain", "plate")
WEAPONS = ("sword", "axe", "mace", "spear", "bow", "crossbow")


class Character(BaseModel):
    """A character of a role-playing game."""

    model_config = ConfigDict(extra="forbid")

    description: Annotated[str, Field(max_length=80)]
    name: Annotated[str, Field(max_length=24)]
    armor: Annotated[str, Field(max_length=24)]
    weapon: Annotated[str, Field(max_length=24)]


def new_words(model: Any) -> Runnable[Any, Any]:
    """A sentence with a word that does not exist, learned from one example."""
    return few_shot("examples/new-words") | model  # type: ignore[no-any-return]


def word_problem(model: Any) -> ChainOfThought:
    """A word problem, with one worked example of a chain of thought."""
    return chain_of_thought(model, "examples/word-problem", phrase="", answer="number")


def word_problem_zero_shot(model: Any) -> ChainOfThought:
    """A word problem, with a phrase in place of examples."""
    return chain_of_thought(model, answer="number")


def word_problem_voted(model: Any) -> SelfConsistency:
    """A word problem, by the vote of three chains of thought."""
    return self_consistency(word_problem(model), n=3, vote="number")


def three_experts(model: Any) -> ChainOfThought:
    """Three experts in one prompt, then a number."""
    return chain_of_thought(model, "reason/experts", phrase="", answer="number")


def thoughts(model: Any) -> TreeOfThought:
    """A small search over thoughts."""
    return tree_of_thought(model, breadth=2, depth=2, search="beam", keep=1, max_calls=12)


def rpg_by_example(model: Any) -> Runnable[Any, Any]:
    """A character in the shape of one example: nothing holds the model to it."""
    return load_prompt("examples/rpg-character") | model  # type: ignore[no-any-return]


def rpg_by_grammar(model: Any) -> Validated:
    """The same character, decoded under its schema."""
    return validated(load_prompt("examples/rpg-character") | model, schema=Character)


def rpg_form(model: Any) -> FillIn:
    """The same, as a form of which only the unknown parts are generated."""
    form = '{"name": "[[name]]", "armor": "[[armor]]", "weapon": "[[weapon]]", "level": 1}'
    return fill_in(model, form, {"armor": ARMOR, "weapon": WEAPONS}, as_json=True)


def mindmeld(model: Any) -> Chain:
    """A product gets a name, the name a slogan, and all of it a sales pitch."""
    return sequential(
        name=load_prompt("examples/product-name") | model,
        slogan=load_prompt("examples/product-slogan") | model,
        pitch=load_prompt("examples/product-pitch") | model,
    )


def summary(model: Any) -> Validated:
    """A summary from the prompt in parts, held to a length."""
    prompt = load_prompt("modular").partial(
        persona="You are an editor who makes long texts short.",
        instruction="Sum up the key points of the text below.",
        context="The summary is read by people who have no time for the text itself.",
        format="Two or three plain sentences.",
        audience="Busy readers who know little of the subject.",
        tone="Clear and neutral.",
    )
    return validated(prompt | model, rules=[max_words(120)], retries=1)
