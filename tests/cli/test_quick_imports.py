"""Types that a start does not need are not built, and are there for who asks."""

import subprocess
import sys

CODE = """
import sys
from agentlab.cli import quick_imports
quick_imports.install()
import langchain_core.runnables.base
late = "langsmith.types.trace" not in sys.modules
from langsmith.types import Dataset
import langsmith.types, langsmith.types.trace
same = langsmith.types.Trace is langsmith.types.trace.Trace
print(late, Dataset.__name__, same, "Run" in dir(langsmith.types))
try:
    langsmith.types.nonsense
except AttributeError as error:
    print(error)
"""


def test_the_types_of_langsmith_are_built_only_when_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == "True Dataset True True"
    assert "langsmith.types" in second
    assert "nonsense" in second
