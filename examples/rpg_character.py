"""A character of a game as JSON: in the shape of one example, and under a grammar."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agentlab import load_model, load_prompt, validated

Name = Annotated[str, Field(max_length=24)]


class Character(BaseModel):
    """A character of a role-playing game."""

    model_config = ConfigDict(extra="forbid")

    description: Annotated[str, Field(max_length=80)]
    name: Name
    armor: Name
    weapon: Name


model = load_model("smollm2", temperature=0, seed=7, max_tokens=80)
asking = load_prompt("examples/rpg-character") | model
smith = "a young smith who talks to her hammer"

# The prompt shows one example; nothing holds the model to its shape.
print("by example:", asking.invoke(smith).text)

# The model is decoded under the schema and can write nothing else; what is cut is asked again.
character = validated(asking, schema=Character).invoke(smith)
print("by grammar:", character.model_dump())
