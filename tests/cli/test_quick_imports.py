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


GARBAGE = """
import gc
from agentlab.cli import quick_imports
quick_imports.install()
quick_imports.install()
first, kept = gc.get_threshold()[0], [[] for _ in range(1000)]
assert not gc.get_freeze_count()
gc.collect()
frozen = gc.get_freeze_count()
gc.collect()
print(first > gc.get_threshold()[0] > 700, frozen > 1000, gc.get_freeze_count() == frozen)
"""


def test_garbage_is_looked_for_less_often_at_first() -> None:
    command = [sys.executable, "-c", GARBAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "True True True\n"
