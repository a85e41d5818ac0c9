"""A text read into an object: the model can only write JSON that fits the schema."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agentlab import load_model, load_prompt


class Character(BaseModel):
    """What the text tells of a character."""

    model_config = ConfigDict(extra="forbid")  # no other keys, or a small model may never end

    name: Annotated[str, Field(max_length=40)]
    age: Annotated[int, Field(ge=0, le=150)]
    keeps: Annotated[str, Field(max_length=40)]


model = load_model("smollm2", temperature=0).with_structured_output(Character)
extract = load_prompt("extract/character") | model

character = extract.invoke("Ada Wren, forty-one years old, keeps the lighthouse on Gull Rock.")
print(f"{character!r}")
