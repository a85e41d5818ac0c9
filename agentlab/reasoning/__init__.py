"""Prompt engineering and reasoning: more calls, or stricter ones, for a better answer.

program.py        how all of these run: sync, async, streamed, watched, in a batch (lockstep.py)
steps.py          what a program yields
models.py         the chat models inside a Runnable: found, set, held to a form
results.py        what their results have in common
presets.py        temperature and top_p for a kind of text
examples.py       few_shot: all examples, or those like the input; example_files.py reads them
answers.py        kinds of answer: text, number, choices, pattern
thinking.py       a thought and an answer under one grammar
stepwise.py       chain_of_thought: reasoning first; the two come back apart
quantities.py     numbers with their units, and those in a sentence
votes.py          which answers are the same, and when the winner is certain
voting.py         self_consistency: several paths, and the answer most of them come to
deciding.py       a verdict between a few words
tree.py           thoughts as a tree, and drawn; tree_asking.py asks for them
tree_search.py    tree_of_thought: the search
wanted.py         what an answer is held to: schema, choices, pattern, grammar
rules.py          what else it has to keep; personal_data.py
looking.py        second_look: a rule that asks a model
validating.py     validated: checked, and asked for again with what is wrong
filling.py        fill_in: forms of which only the unknown parts are generated
library.py        worked examples as chains
"""

from agentlab.reasoning.examples import FewShotPrompt, few_shot
from agentlab.reasoning.filling import FillIn, fill_in
from agentlab.reasoning.looking import second_look
from agentlab.reasoning.presets import PRESETS, preset, with_preset
from agentlab.reasoning.rules import (
    any_of,
    forbidden_words,
    matches,
    max_words,
    personal_data,
    required_words,
)
from agentlab.reasoning.stepwise import ChainOfThought, chain_of_thought
from agentlab.reasoning.tree import as_mermaid, as_text
from agentlab.reasoning.tree_search import TreeOfThought, tree_of_thought
from agentlab.reasoning.validating import Validated, validated
from agentlab.reasoning.voting import SelfConsistency, self_consistency

__all__ = [
    "PRESETS",
    "ChainOfThought",
    "FewShotPrompt",
    "FillIn",
    "SelfConsistency",
    "TreeOfThought",
    "Validated",
    "any_of",
    "as_mermaid",
    "as_text",
    "chain_of_thought",
    "few_shot",
    "fill_in",
    "forbidden_words",
    "matches",
    "max_words",
    "personal_data",
    "preset",
    "required_words",
    "second_look",
    "self_consistency",
    "tree_of_thought",
    "validated",
    "with_preset",
]
