"""The chains that ship: each a function of the model (or of one model a step, with sequential)."""

from __future__ import annotations

from typing import Annotated

from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, Field

from agentlab.chains.chain import Chain
from agentlab.chains.in_order import sequential
from agentlab.prompts import load_prompt

# A grammar is made of the schema: its bounds, and no other keys, are what ends a small model's
# answer.
Trait = Annotated[str, Field(max_length=40)]


class Character(BaseModel):
    """What a text tells of a character."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="the character's name", max_length=60)
    age: int | None = Field(description="age in years, where the text tells", ge=0, le=999)
    traits: list[Trait] = Field(description="what the character is like", max_length=4)


def story(model: BaseChatModel) -> Chain:
    """A summary becomes a title, a main character and a story."""
    return sequential(
        title=load_prompt("story/title") | model,
        character=load_prompt("story/character") | model,
        story=load_prompt("story/story") | model,
    )


def business(model: BaseChatModel) -> Chain:
    """A product becomes the name of a company that makes it."""
    return sequential(name=load_prompt("business/name") | model)


def product(model: BaseChatModel) -> Chain:
    """A product gets a name and a slogan, then a sales pitch."""
    return sequential(
        name_and_slogan=load_prompt("product/name_and_slogan") | model,
        pitch=load_prompt("product/pitch") | model,
    )


def question(model: BaseChatModel) -> Chain:
    """A question is answered by a template."""
    return sequential(answer=load_prompt("question/answer") | model)


def card(model: BaseChatModel) -> Chain:
    """A text becomes a card of its main character: JSON that obeys a schema."""
    return sequential(
        card=load_prompt("extract/character") | model.with_structured_output(Character)
    )


CHAINS = {chain.__name__: chain for chain in (story, business, product, question, card)}
