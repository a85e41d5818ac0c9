"""Searching over thoughts: what is followed, given up, gone back to, and drawn."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

from agentlab.chains import events_of
from agentlab.errors import ConfigError, InvalidOutput
from agentlab.events import Considered
from agentlab.reasoning import as_mermaid, as_text, tree_of_thought
from tests.reasoning.conftest import plain, says


def thoughts(*texts: str) -> dict[str, Any]:
    return {"thoughts": list(texts)}


def verdicts(*words: str) -> list[dict[str, Any]]:
    """Verdicts by the thought that is judged: ``b:sure``, at the end of the list of steps."""
    return [
        {
            "when": {"last": f". {word.split(':')[0]}\n\nCan the problem"},
            "say": f'{{"verdict": "{word.split(":")[1]}"}}',
            "repeat": True,
        }
        for word in words
    ]


def proposals(after: str, *texts: str) -> dict[str, Any]:
    told = f". {after}\n\nPropose" if after else "Problem: p\n\nPropose"
    import json

    return {"when": {"last": told}, "say": json.dumps(thoughts(*texts))}


CONCLUDE = {"when": {"last": "What is the answer?"}, "say": '{"answer": "done"}'}


def model(*replies: Any) -> Any:
    return says(*replies, CONCLUDE)


def test_a_long_thought_and_one_too_many_of_a_hosted_model_end_nothing() -> None:
    long = "a" * 500
    asked = model(*verdicts(f"{long}:sure", "b:likely"), proposals("", long, "b", "c"))
    result = tree_of_thought(asked, breadth=2, depth=1).invoke("p")
    assert result["thoughts"] == [long]
    assert [child["text"] for child in result["tree"]["children"]] == [long, "b"]


def test_a_thought_that_fills_its_room_is_not_called_whole(monkeypatch: Any) -> None:
    monkeypatch.setattr("agentlab.reasoning.tree_asking.holds", lambda _: "grammar")
    long = "a" * 240
    replies = says(
        *verdicts(f"{long}…:sure", "b:likely"),
        proposals("", long, "b"),
        {"when": {"last": "What is the answer?"}, "say": "done"},
    )
    result = tree_of_thought(replies, breadth=2, depth=1).invoke("p")
    assert result["thoughts"] == [f"{long}…"]
    assert result["answer"] == "done"


def test_bfs_follows_all_that_is_left() -> None:
    asked = model(
        *verdicts("a:likely", "b:impossible", "aa:sure", "ab:likely"),
        proposals("", "a", "b"),
        proposals("a", "aa", "ab"),
    )
    result = tree_of_thought(asked, breadth=2, depth=2).invoke("p")
    assert result["answer"] == "done"
    assert result["thoughts"] == ["a", "aa"]
    assert (result["score"], result["stopped"]) == (1.0, None)
    a, b = result["tree"]["children"]
    assert (a["state"], b["state"]) == ("chosen", "pruned")
    assert [child["state"] for child in a["children"]] == ["chosen", "open"]
    assert result["usage"]["model_calls"] == 7
    assert [m.text for m in result["messages"]] == ["done"]


def test_beam_keeps_the_best() -> None:
    asked = model(
        *verdicts("a:likely", "b:sure", "ba:likely"),
        proposals("", "a", "b"),
        proposals("b", "ba"),
    )
    result = tree_of_thought(asked, breadth=2, depth=2, search="beam", keep=1).invoke("p")
    assert result["thoughts"] == ["b", "ba"]
    assert result["tree"]["children"][0]["state"] == "pruned"


def test_dfs_goes_back_from_a_dead_end_and_ends_at_the_first_whole_path() -> None:
    asked = model(
        *verdicts("a:sure", "b:likely", "c:likely", "aa:impossible", "ba:sure"),
        proposals("", "a", "b", "c"),
        proposals("a", "aa"),
        proposals("b", "ba"),
    )
    result = tree_of_thought(asked, breadth=3, depth=2, search="dfs").invoke("p")
    assert result["thoughts"] == ["b", "ba"]
    assert [child["state"] for child in result["tree"]["children"]] == ["pruned", "chosen", "open"]
    assert not result["tree"]["children"][2]["children"]  # c was never looked at


def test_where_all_is_given_up_the_answer_is_told_without_thoughts() -> None:
    asked = model(*verdicts("a:impossible"), proposals("", "a"))
    result = tree_of_thought(asked, breadth=1, depth=2).invoke("p")
    assert (result["answer"], result["thoughts"], result["score"]) == ("done", [], None)
    assert result["tree"]["children"][0]["score"] == 0


@pytest.mark.parametrize("search", ["bfs", "beam", "dfs"])
def test_thoughts_that_were_not_judged_are_never_the_best(search: Any) -> None:
    asked = model(
        *verdicts("a:likely", "b:impossible"), proposals("", "a", "b"), proposals("a", "aa", "ab")
    )
    tree = tree_of_thought(asked, breadth=2, depth=3, search=search, max_calls=6)
    result = tree.invoke("p")
    assert (result["stopped"], result["thoughts"], result["score"]) == ("calls", ["a"], 0.5)
    assert [child["score"] for child in result["tree"]["children"][0]["children"]] == [None, None]
    assert "[not judged] aa" in result["picture"]
    assert '|"not judged"|' in result["mermaid"]


def test_a_verdict_that_is_none_gives_up_its_thought_only() -> None:
    wrong = {"when": {"last": ". b\n\nCan the problem"}, "say": "perhaps"}
    asked = model(wrong, *verdicts("a:likely"), proposals("", "a", "b"))
    result = tree_of_thought(asked, breadth=2, depth=1).invoke("p")
    assert result["thoughts"] == ["a"]
    assert [child["state"] for child in result["tree"]["children"]] == ["chosen", "pruned"]


def test_an_answer_that_is_none_is_asked_for_once_more_with_what_is_wrong() -> None:
    def asked(*said: str) -> Any:
        told = [{"when": {"contains": "What is the answer?"}, "say": text} for text in said]
        return says(*verdicts("a:likely"), proposals("", "a"), *told)

    wrong, right = '{"answer": "six"}', '{"answer": 6}'
    tree = tree_of_thought(asked(wrong, right), breadth=1, depth=1, answer="number")
    result = tree.invoke("p")
    assert (result["answer"], result["usage"]["model_calls"]) == ("6", 4)
    for replies, budget in (((wrong, wrong), 60), ((wrong, right), 3)):
        tree = tree_of_thought(
            asked(*replies), breadth=1, depth=1, answer="number", max_calls=budget
        )
        with pytest.raises(InvalidOutput):
            tree.invoke("p")


def test_proposals_that_were_cut_are_a_dead_end_and_at_the_root_an_error() -> None:
    cut = {"when": {"last": ". a\n\nPropose"}, "say": '{"thoughts": ["a', "finish": "length"}
    with pytest.raises(InvalidOutput):
        tree_of_thought(says({**cut, "when": {"last": "Propose"}})).invoke("p")
    deep = model(
        *verdicts("a:sure", "b:likely", "c:likely"),
        proposals("", "a", "b"),
        cut,
        proposals("b", "c"),
    )
    result = tree_of_thought(deep, breadth=2, depth=2, search="dfs").invoke("p")
    assert result["thoughts"] == ["b", "c"]


@pytest.mark.parametrize(
    ("budget", "stopped"), [({"max_calls": 4}, "calls"), ({"max_tokens": 1}, "tokens")]
)
def test_a_budget_leaves_enough_for_the_answer(budget: Any, stopped: str) -> None:
    asked = model(
        *verdicts("a:sure", "b:likely"), proposals("", "a", "b"), proposals("a", "aa", "ab")
    )
    result = tree_of_thought(asked, breadth=2, depth=3, **budget).invoke("p")
    assert result["stopped"] == stopped
    assert result["answer"] == "done"
    assert result["usage"]["model_calls"] <= 4


async def test_async_and_events() -> None:
    def tree() -> Any:
        return tree_of_thought(
            model(*verdicts("a:sure", "b:likely"), proposals("", "a", "b")), breadth=2, depth=1
        )

    assert (await tree().ainvoke({"input": "p"}))["thoughts"] == ["a"]
    events = list(events_of(tree(), "p"))
    assert [(e.text, e.detail["score"]) for e in events if isinstance(e, Considered)] == [
        ("a", 1.0),
        ("b", 0.5),
    ]


def test_the_pictures() -> None:
    tree = {
        "text": 'p "x"\n<b>',
        "children": [
            {"text": "a", "score": 1.0, "verdict": "sure", "state": "chosen", "children": []},
            {"text": "b" * 99, "score": 0, "verdict": "", "state": "pruned", "children": []},
        ],
    }
    lines = as_text(tree, width=40).splitlines()
    assert lines[:2] == ['p "x" <b>', "├─*[1.00 sure] a"]
    assert lines[2].startswith("└─x[0.00] bbb")
    assert len(lines[2]) <= 40
    mermaid = as_mermaid(tree)
    assert mermaid.startswith('flowchart TD\n  n0["p #34;x#34; #60;b#62;"]\n  n1["a"]')
    assert '  n0 -->|"sure 1.00"| n1' in mermaid
    assert "  class n1 chosen\n  class n2 pruned" in mermaid


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"breadth": 0}, "breadth"),
        ({"depth": True}, "depth"),
        ({"search": "a*"}, "search must be"),
        ({"max_calls": 2}, "max_calls"),
        ({"verdicts": {"yes": 1, "yeah": 0}}, "first letters"),
        ({"verdicts": {"yes": 2, "no": 0}}, "from 0 to 1"),
        ({"verdicts": ["yes", "no"]}, "verdicts are a mapping"),
        ({"verdicts": {1: 1, 2: 0}}, "verdicts are a mapping"),
        ({"conclude": 5}, "a prompt is a name, a file or a Prompt, not 5"),
        ({"prune_below": "x"}, "prune_below must be a number"),
    ],
)
def test_wrong_arguments(arguments: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        tree_of_thought(says(), **arguments)
    with pytest.raises(ConfigError, match="held to no form"):
        tree_of_thought(plain("x"))
    with pytest.raises(ConfigError, match="needs a problem"):
        tree_of_thought(says()).invoke({"other": 1})


@pytest.mark.model
def test_the_real_model_gives_verdicts_with_their_probabilities(smollm2: BaseChatModel) -> None:
    model = smollm2.model_copy(update={"max_tokens": 200})
    result = tree_of_thought(model, breadth=1, depth=1, answer=["yes", "no"]).invoke("Is 7 odd?")
    (thought,) = result["tree"]["children"]
    assert thought["verdict"] in ("sure", "likely", "impossible")
    assert 0 < thought["score"] < 1  # the mean over all verdicts
    assert result["answer"] in ("yes", "no")
