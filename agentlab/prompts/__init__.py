"""Prompts in files: ``prompts/*.md`` become Runnables.

::

    files.py      names and paths: which file a name means, and what there is
    frontmatter.py  YAML with the line of each key
    reading.py    a file -> PromptFile: checked keys, roles, compiled templates
    prompt.py     Prompt: values -> messages
    settings.py   a prompt's `config`, put on a model
    showing.py    what a model will see, as text
"""

from __future__ import annotations

from agentlab.prompts.files import PromptInfo, list_prompts, load_prompt
from agentlab.prompts.prompt import Prompt
from agentlab.prompts.reading import Variable
from agentlab.prompts.showing import render_text

__all__ = ["Prompt", "PromptInfo", "Variable", "list_prompts", "load_prompt", "render_text"]
