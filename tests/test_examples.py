"""Every script in examples/ runs, and shows what it says it shows."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# What each writes, whatever the model says.
SHOWN = {
    "agent": [" calls, cut short: "],
    "chat": ["8 messages in the history"],
    "drift": [
        "replayed by vcrpy:    passed  repair",
        "differ in body",
        "replayed by agentlab: FAILED",
        "prompt edited at step 1 of 1 (model openai:demo)",
        "billing, [-repair-]{+refund+} or other.",
    ],
    "product": [],
    "rag": [],
    "search": ["3 files, 5 chunks, 5 embedded", "one more: 1 embedded", "('pump.md', 0, 64)"],
    "story": ["[title] ", "[character] ", "[story] ", " tokens by 3 calls"],
    "structured": ["Character(name='Ada Wren', age=41, keeps="],
}


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == SHOWN.keys()


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(SHOWN))
def test_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    out = capsys.readouterr().out
    assert out.strip()
    for text in SHOWN[name]:
        assert text in out
