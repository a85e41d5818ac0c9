"""none, once, new, all, verify; effects; crashes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from agentlab.boundary import recordable
from agentlab.errors import ConfigError, Diverged, EffectRefused
from agentlab.recording import cassette, default_mode, load
from agentlab.tools.guarded import guard
from agentlab.tools.policy import ToolPolicy
from tests.recording.parts import (
    SYSTEM,
    Manual,
    asks,
    model,
    support,
    support_answers,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "id.jsonl"
    with cassette(file, mode="all"):
        support(model(*support_answers()))
    return file


def test_once_records_and_then_replays(tmp_path: Path) -> None:
    file = tmp_path / "once.jsonl"
    for expected in ((1, 0), (0, 1)):
        with cassette(file, mode="once") as tape:
            assert model("a").invoke("x").content == "a"
        assert (tape.live_calls, tape.replayed_calls) == expected


def test_the_default_is_none_under_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CI", "true")
    assert default_mode() == "none"
    monkeypatch.delenv("CI")
    assert default_mode() == "once"
    with pytest.raises(ConfigError, match="unknown record mode 'sometimes'"):
        with cassette(tmp_path / "x", mode="sometimes"):  # type: ignore[arg-type]
            pass


def test_new_makes_only_the_calls_from_the_divergence_on(path: Path) -> None:
    def edit(step: int, history: list[Any]) -> list[Any]:
        return (
            [*history[:-1], history[-1].model_copy(update={"content": "$842, urgent."})]
            if (step == 1)
            else history
        )

    with cassette(path, mode="new") as tape:
        support(model(*support_answers()[1:]), edit=edit)
    # Of 6 steps, the fourth (the second model call) is the first that differs.
    assert (tape.drift.step, tape.replayed_calls, tape.live_calls) == (4, 3, 3)  # type: ignore[union-attr]
    with cassette(path, mode="none") as tape:
        support(model(), edit=edit)
    assert tape.replayed_calls == 6


def test_new_leaves_an_unchanged_recording_alone(path: Path) -> None:
    before = (path.read_bytes(), path.stat().st_ino)
    with cassette(path, mode="new"):
        support(model())
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_new_drops_steps_that_are_not_made_any_more(tmp_path: Path) -> None:
    file = tmp_path / "two.jsonl"
    with cassette(file, mode="all"):
        chat = model("a", "b")
        chat.invoke("1"), chat.invoke("2")
    with cassette(file, mode="new"):
        model().invoke("1")
    assert len(load(file).steps) == 1


def test_a_recording_that_asks_for_more_than_the_run_makes_fails(path: Path) -> None:
    with pytest.raises(Diverged) as caught, cassette(path, mode="none"):
        recordable(Manual()).invoke("Refund order TEST-1, it was $842.")
    drift: Any = caught.value.drift
    assert (drift.step, drift.what, drift.stale) == (2, "call not made", 4)


def test_a_call_too_many_fails(path: Path) -> None:
    with pytest.raises(Diverged) as caught, cassette(path, mode="none"):
        support(model())
        model("more").invoke("more")
    drift: Any = caught.value.drift
    assert (drift.step, drift.of, drift.what) == (7, 6, "call not recorded")


def test_a_divergence_that_the_code_swallows_comes_again_at_the_end(path: Path) -> None:
    with pytest.raises(Diverged), cassette(path, mode="none"), contextlib.suppress(Exception):
        support(model(), system="Other.")
    with pytest.raises(Diverged), cassette(path, mode="none"):
        try:
            support(model(), system="Other.")
        except Exception:
            raise KeyError("another error on top") from None


def test_nothing_is_answered_after_a_divergence(path: Path) -> None:
    with pytest.raises(Diverged), cassette(path, mode="none") as tape:
        with pytest.raises(Diverged):
            support(model(), system="Other.")
        with pytest.raises(Diverged):
            support(model())
    assert [o.status for o in tape.outcomes()] == ["passed", "diverged"] + ["stale"] * 4


def test_verify_makes_every_call_and_finds_nothing(path: Path) -> None:
    before = path.read_bytes()
    with cassette(path, mode="verify") as tape:
        support(model(*support_answers()))
    assert tape.mismatches == []
    assert path.read_bytes() == before


def test_verify_reports_every_answer_that_changed_and_goes_on_with_the_recorded(path: Path) -> None:
    answers = support_answers()
    answers[0] = asks("look_up", {"order": "TEST-2"}, "call_z")
    answers[2] = AIMessage("I have refunded it.")
    with pytest.raises(Diverged), cassette(path, mode="verify") as tape:
        history = support(model(*answers))
        assert history[-1].content == "I have asked a manager for approval."
    assert [(d.step, d.what) for d in tape.mismatches] == [(2, "answer"), (6, "answer")]
    assert tape.mismatches[1].changes[0].diff[1].text == "asked"


def test_verify_finds_a_changed_document(path: Path) -> None:
    with pytest.raises(Diverged) as caught, cassette(path, mode="verify"):
        support(model(*support_answers()), retriever=Manual(texts=("Ask a clerk.",)))
    drift: Any = caught.value.drift
    assert (drift.step, drift.what) == (1, "retrieved document")


ran: list[str] = []


@tool
def refund(order: str) -> str:
    """Pay the money back."""
    ran.append(order)
    return "done"


@pytest.fixture
def effects(tmp_path: Path) -> Path:
    file = tmp_path / "effects.jsonl"
    refund.metadata = {"side_effects": True}
    ran.clear()
    with cassette(file, mode="all"):
        use_refund(model("a"), "x")
    assert ran == ["1"], "recording is for real"
    return file


def use_refund(chat: Any, question: str) -> None:
    chat.invoke(question)
    recordable(refund).invoke({"order": "1"})


def test_effects_never_run_in_replay_or_verify(effects: Path) -> None:
    for mode in ("none", "once", "verify"):
        with cassette(effects, mode=mode):  # type: ignore[arg-type]
            use_refund(model("a"), "x")
    assert ran == ["1"]


def test_effects_run_in_new_only_where_allowed(effects: Path) -> None:
    before = effects.read_bytes()
    with pytest.raises(EffectRefused, match="the tool 'refund' has side effects"):
        with cassette(effects, mode="new"):
            use_refund(model("b"), "y")
    assert ran == ["1"]
    assert effects.read_bytes() == before
    with cassette(effects, mode="new", allow_effects=True):
        use_refund(model("b"), "y")
    assert ran == ["1", "1"]


def test_a_tool_that_says_nothing_counts_as_having_effects(effects: Path) -> None:
    refund.metadata = None
    with pytest.raises(EffectRefused), cassette(effects, mode="new"):
        use_refund(model("b"), "y")
    with cassette(effects, mode="verify"):
        use_refund(model("a"), "x")
    assert ran == ["1"]


def test_a_tool_policy_is_heard(effects: Path) -> None:
    quiet = guard(refund.model_copy(update={"metadata": None}), ToolPolicy())
    with cassette(effects, mode="new") as tape:
        model("b").invoke("y")
        quiet.invoke({"order": "1"})
    assert tape.live_calls == 2
    assert ran == ["1", "1"]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt(), SystemExit(3)])
def test_a_run_that_fails_on_its_own_leaves_the_old_recording(
    path: Path, error: BaseException
) -> None:
    before = path.read_bytes()
    with pytest.raises(type(error)), cassette(path, mode="all"):
        model("other").invoke("x")
        raise error
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["id.jsonl"]


def test_likelihood_is_asked_for_the_divergent_step(path: Path) -> None:
    from agentlab.recording import Likelihood

    asked: list[tuple[str, str]] = []

    def likelihood(call: Any, message: Any) -> Likelihood:
        asked.append((call.arguments["messages"][0].content, message.tool_calls[0]["name"]))
        return Likelihood(agree=1.0, mean=-0.31)

    with pytest.raises(Diverged, match="agree 1.00, mean -0.31: the same answer is expected"):
        with cassette(path, mode="none", likelihood=likelihood):
            support(model(), system=SYSTEM + " Always.")
    assert asked == [(SYSTEM + " Always.", "look_up")]


def test_likelihood_is_kept_with_a_recording(path: Path) -> None:
    from agentlab.recording import Likelihood

    now = [-0.28, -0.31]

    def likelihood(call: Any, message: Any) -> Likelihood:
        return Likelihood(agree=1.0, mean=now[0])

    with cassette(path, mode="all", likelihood=likelihood):
        support(model(*support_answers()))
        assert path.exists(), "the fixture's; it is written, and measured, when the run is over"
    kept = [step.likelihood for step in load(path).steps]
    assert kept == [
        {"agree": 1.0, "mean": -0.28} if step.kind == "model" else None for step in load(path).steps
    ]
    del now[0]
    with pytest.raises(Diverged) as caught:
        with cassette(path, mode="none", likelihood=likelihood):
            support(model(), system=SYSTEM + " Always.")
    drift: Any = caught.value.drift
    assert "agree 1.00, mean -0.31 (was -0.28): the same answer is expected" in str(drift)
    assert drift.as_dict()["likelihood"]["was"] == -0.28
    with cassette(path, mode="none"):
        support(model())


def test_tools_without_effects_run_in_new(path: Path) -> None:
    with cassette(path, mode="new") as tape:
        support(model(*support_answers()), system="Be kind.")
    assert tape.live_calls == 5
