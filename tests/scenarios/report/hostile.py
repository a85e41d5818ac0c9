"""A suite whose every text is an attack on what shows it."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import HumanMessage

from agentlab.recording import Change, Drift, Outcome, Request, Step
from agentlab.recording.words import word_diff
from agentlab.scenarios.results import Failure, Run, ScenarioResult, Status, SuiteResult, TurnRun

MARKUP = (
    "<script>window.pwned = 1</script><img src=http://127.0.0.1:9/x onerror='window.pwned = 2'>"
    "</pre></details></style><style>body{display:none}</style>"
)
CONTROLS = "\x1b]0;title\x07\x1b[2J\x00\u202egnp.exe\u2066"
TEXT = f"{MARKUP}{CONTROLS} ]]> --> \" ' & ``` @all \ud800 | x\nPASS forged"


def step(kind: Any, reply: Any) -> Step:
    """A recorded call whose request and reply are hostile."""
    form = {"role": "human", "content": TEXT}
    calls = [{"name": TEXT, "args": {TEXT: TEXT}, "id": "c1"}]
    answer = {"role": "ai", "content": TEXT, "tool_calls": calls}
    messages = (("h1", form), ("h2", answer)) if kind == "model" else ()
    request = Request(kind, TEXT, messages, {"args": {TEXT: TEXT}, "query": TEXT})
    return Step(request, {"message": answer} if kind == "model" else reply, latency=0.5)


def hostile(status: Status = "drift") -> SuiteResult:
    """One scenario, hostile in every field that can be."""
    document = {"text": TEXT, "metadata": {TEXT: TEXT}}
    steps = [
        step("model", None),
        step("tool", TEXT),
        step("retrieve", [{"$": "document", "v": document}]),
        Step(Request("tool", TEXT), error={"type": f"x:{TEXT}", "text": TEXT}),
    ]
    output = {"answer": TEXT, "citations": [document, TEXT]}
    shown = [HumanMessage(TEXT.replace("\ud800", ""))]
    error = RuntimeError(TEXT)
    turn = TurnRun({"q": TEXT}, output, TEXT, 0, 3, shown, [document], [TEXT], error)
    change = Change("prompt edited", TEXT, TEXT, TEXT + "!", word_diff(TEXT, TEXT + "!"))
    drift = Drift(4, 4, "tool", TEXT, (change, Change("input", TEXT, TEXT, "")), 0, TEXT)
    failure = Failure(TEXT, TEXT, TEXT, TEXT, [("same", TEXT), ("removed", TEXT)])
    item = {"what": TEXT, "turn": 0, "change": TEXT, "verdict": "survived", "by": ""}
    return SuiteResult(
        [
            ScenarioResult(
                id=TEXT,
                file=TEXT,
                line=1,
                status=status,
                params={TEXT: TEXT},
                tags=[TEXT],
                failures=[failure],
                warnings=[failure],
                drift=drift if status == "drift" else None,
                outcomes=[Outcome.of(i, s, "passed") for i, s in enumerate(steps, 1)],
                run=Run([turn], steps, 2.0),
                error=TEXT,
                hint=TEXT,
                mutation={"killed": 0, "survived": 1, "items": [item]},
            )
        ]
    )
