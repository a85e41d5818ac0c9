"""Votes, and when they are over."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda

from agentlab import sequential
from agentlab.errors import ConfigError, InvalidOutput, ModelError
from agentlab.events import Considered
from agentlab.reasoning import chain_of_thought, self_consistency, validated
from agentlab.reasoning.votes import Count, choice_of, cosine_above, normaliser, number_of
from tests.reasoning.conftest import asks, says


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,200.50", "1200.5"),
        ("$ 18", "18"),
        ("18 dollars", "18"),
        ("18.", "18"),
        ("−3", "-3"),
        ("0.0", "0"),
        ("12%", "12%"),
        ("1e3", "1000"),
        ("1,20", None),
        ("12 of 18 dollars", None),
        ("eighteen", None),
        ("", None),
        ("1e999999999", None),
        ("12 percent", "12%"),
        ("1 200", "1200"),
        ("12 18", None),
        ("5 km²", "5"),
        ("5k", "5000"),
        ("2.5 million dollars", "2500000"),
        ("$3bn", "3000000000"),
        ("$3 Million", "3000000"),
        ("$3 BILLION", "3000000000"),
        ("5 K", "5"),
        ("3 mıllıon", "3"),
        ("$18/hour", "18"),
        ("18€/kg", "18"),
        ("5%/year", "5%"),
        ("**18**", "18"),
        ("**$18.**", "18"),
        ('"18"', "18"),
        ("`18`.", "18"),
        ("10²", "100"),
        ("-2³", "-8"),
        ("10⁻³ kg", "0.001"),
        ("3⁻¹", None),
        ("5¹", "5"),
        ("9" * 30, "9" * 30),
        ("1½", None),
        ("101₂", None),
        ("5 hundred thousand", "500000"),
        ("2 dozen eggs", "24"),
        ("5 millions", "5000000"),
        ("1.2 Mio", "1200000"),
        ("5 hundredths", None),
        ("USD 1,200", "1200"),
        ("US$5", "5"),
        ("5 US dollars", "5"),
        ("-CHF 5", "-5"),
    ],
)
def test_a_number_has_one_spelling(text: str, number: str | None) -> None:
    assert number_of(text) == number


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    found = number_of(text)
    assert found is None or number_of(found) == found


@pytest.mark.parametrize("sign", ["$", "-", "-$", "18"])
def test_long_runs_of_spaces_take_no_time(sign: str) -> None:
    begun = time.process_time()
    for space in (" " * 10_000, "\t\n " * 4_000):
        assert number_of(f"{sign}{space}a b") is None
        assert number_of(f"{sign}{space}1{space}/{space}a b") is None
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10 May", "10 June"),
        ("5 m", "5 ms"),
        ("$5/hour", "$5/day"),
        ("5 am", "5 pm"),
        ("5 million", "5"),
        ("5 km", "5 miles"),
        ("$5", "€5"),
        ("12 18", "1218"),
        ("10²", "102"),
        ("x²", "x2"),
        ("1½", "11/2"),
        ("5 mW", "5 MW"),
        ("3 mm", "3 Mm"),
        ("(1, 2]", "[1, 2)"),
        ("(0,1)", "[0,1]"),
        ("[-inf; 3]", "(-inf; 3)"),
        ("f(x", "f(x)"),
        ("$5", "CA$5"),
    ],
)
@pytest.mark.parametrize("vote", ["auto", "text"])
def test_answers_with_another_unit_are_other_answers(vote: Any, one: str, other: str) -> None:
    vote_of = normaliser(vote, ())
    assert vote_of(one) != vote_of(other)


def test_a_unit_may_be_written_in_another_way() -> None:
    vote_of = normaliser("auto", ())
    assert vote_of("5 KM.") == vote_of("5.0km") == "5 km"
    assert vote_of("$1,200") == vote_of("1200 dollars") == "1200 $"
    assert vote_of("$18/hour") == vote_of("18 dollars/hour") == "18 $/hour"
    for one, more in (
        ("1 day", "1 days"),
        ("2 boxes", "2 box"),
        ("3 berries", "3 Berry"),
        ("5 MG", "5 mg"),
        ("5 mhz", "5 mHz"),
        ("12 m²", "12 m^2"),
        ("12 m2", "12 m²"),
        ("x^2", "x²"),
        ("$5", "USD 5"),
        ("$5", "US$5"),
        ("£5", "5 pounds"),
        ("¥5", "5 yen"),
        ("5 million", "5000000"),
    ):
        assert vote_of(one) == vote_of(more)


@pytest.mark.parametrize("said", ["(B)", "[b]", "B)", "**(B)**", "( B. )", "b"])
def test_brackets_around_an_answer_are_signs(said: str) -> None:
    assert normaliser("auto", ())(said) == "b"
    assert normaliser("auto", ())("(yes, it is)") == "yes, it is"


@pytest.mark.parametrize(
    ("said", "votes"),
    [
        (["18", "$18", "18 apples"], {"18": 2, "18 apples": 1}),
        (["$18", "18 apples", "18 apples", "18"], {"18 apples": 3, "$18": 1}),
        (["10 May", "10 June", "11"], {"10 May": 1, "10 June": 1, "11": 1}),
        (["12", "12 18", "12%"], {"12": 1, "12 18": 1, "12%": 1}),
    ],
)
def test_a_number_without_a_unit_is_the_same_as_one_with(
    said: list[str], votes: dict[str, int]
) -> None:
    chain = asks(says(*said))
    arguments: dict[str, Any] = {"n": len(said), "early_stop": False, "together": 1}
    assert self_consistency(chain, **arguments).invoke("q")["votes"] == votes


def test_of_choices_each_is_its_own() -> None:
    chain = asks(says("5", "5 km"))
    votes = self_consistency(chain, n=2, vote="choices", choices=["5", "5 km"]).invoke("q")["votes"]
    assert votes == {"5": 1, "5 km": 1}


def test_choices_whatever_their_case() -> None:
    assert choice_of(" Yes. ", ["yes", "no"]) == "yes"
    assert choice_of("yes and no", ["yes", "no"]) is None


def test_a_choice_in_its_own_case_comes_first() -> None:
    votes = normaliser("choices", ["C", "c"])
    assert [votes(said) for said in ("C", "c", " c\n", "(C).", "c.")] == ["C", "c", "c", "C", "c"]
    assert normaliser("choices", ["Aa", "aA"])("AA") is None


def test_the_most_frequent_answer_wins_and_all_paths_come_back() -> None:
    chain = asks(says("5", "6", "6.0", "$6", "7"))
    result = self_consistency(chain, n=5, vote="number", early_stop=False, together=1).invoke("q")
    assert result["answer"] == "6"
    assert result["share"] == 0.6
    assert result["votes"] == {"6": 3, "5": 1, "7": 1}
    assert [path["vote"] for path in result["paths"]] == ["5", "6", "6", "6", "7"]
    assert (result["asked"], result["settled"]) == (5, False)
    assert result["usage"]["model_calls"] == 5


def test_it_stops_when_the_lead_cannot_be_caught() -> None:
    result = self_consistency(asks(says(*"66699")), n=5).invoke("q")
    assert (result["asked"], result["settled"], result["share"]) == (3, True, 1.0)
    close = self_consistency(asks(says(*"66996")), n=5).invoke("q")
    assert (close["asked"], close["answer"]) == (5, "6")


def test_of_equals_the_first_wins() -> None:
    assert self_consistency(asks(says(*"4554")), n=4, together=1).invoke("q")["answer"] == "4"


@given(st.lists(st.sampled_from(["a", "1", "1 $", "1 km", "2"]), min_size=1, max_size=9))
def test_stopping_early_never_changes_the_winner_nor_asks_more_than_one_by_one(
    votes: list[str],
) -> None:
    whole = Count(units=True)
    for path, vote in enumerate(votes):
        whole.add(path, vote)
    rounds, one = Count(units=True), Count(units=True)
    taken = 0
    while (left := len(votes) - taken) and not rounds.settled(left):
        for path in range(taken, taken + rounds.next_round(left)):
            rounds.add(path, votes[path])
            taken = path + 1
    asked = 0
    while asked < len(votes) and not one.settled(len(votes) - asked):
        one.add(asked, votes[asked])
        asked += 1
    assert rounds.ranked[0][1][0] == whole.ranked[0][1][0]
    assert taken == asked


async def test_async_and_events() -> None:
    chain = self_consistency(asks(says(*"666")), n=3, early_stop=False)
    assert (await chain.ainvoke("q"))["answer"] == "6"
    events = list(self_consistency(asks(says(*"66")), n=3).stream("q"))
    paths = [e for e in events if isinstance(e, Considered)]
    assert [(e.kind, e.text, e.detail["number"]) for e in paths] == [
        ("path", "6", 1),
        ("path", "6", 2),
    ]


def test_a_spoiled_path_has_no_vote_and_another_error_ends_it() -> None:
    ok, bad = {"thought": "t", "answer": "1"}, {"say": "no JSON"}
    chain = chain_of_thought(says(ok, bad, ok))
    result = self_consistency(chain, n=3, early_stop=False).invoke("q")
    assert [path["vote"] for path in result["paths"]].count(None) == 1
    assert result["answer"] == "1"
    with pytest.raises(InvalidOutput, match="none of 2 paths"):
        self_consistency(chain_of_thought(says(bad, bad)), n=2).invoke("q")
    with pytest.raises(ModelError, match="too many requests"):
        self_consistency(asks(says({"error": "rate_limit"})), n=1).invoke("q")


def test_each_path_has_its_own_seed_where_there_is_one() -> None:
    seeds = []

    def note(message: Any) -> Any:
        seeds.append(message.response_metadata["seed"])
        return message

    model = says("1", "1", "1").model_copy(update={"seed": 7})
    chain = asks(model) | RunnableLambda(note)
    self_consistency(chain, n=3, early_stop=False).invoke("q")
    assert sorted(seeds) == [7, 8, 9]


@pytest.mark.parametrize("wrapped", [lambda model: model.bind(seed=7), lambda model: model])
def test_a_seed_that_is_bound_counts_on_too(wrapped: Any) -> None:
    seeds = []

    def note(message: Any) -> Any:
        seeds.append(message.response_metadata["seed"])
        return message

    model = says("1", "1", "1").model_copy(update={"seed": 7})
    chain = asks(wrapped(model)).bind() | RunnableLambda(note)
    self_consistency(chain, n=3, early_stop=False).invoke("q")
    assert sorted(seeds) == [7, 8, 9]


def test_the_vote_is_on_all_of_a_structured_answer_and_on_the_last_step_of_a_chain() -> None:
    schema = {"type": "object", "properties": {"name": {}, "age": {}}}
    people = [{"name": "Ada", "age": 41}, {"name": "Bo", "age": 41}, {"age": 41, "name": "Ada"}]
    chain = validated(asks(says(*people)), schema=schema)
    result = self_consistency(chain, n=3, early_stop=False, together=1).invoke("q")
    assert result["votes"] == {'{"age": 41, "name": "Ada"}': 2, '{"age": 41, "name": "Bo"}': 1}
    steps = sequential(a=asks(says("x", "y")), b=asks(says("1", "1")) | StrOutputParser())
    assert self_consistency(steps, n=2).invoke({"input": "q"})["votes"] == {"1": 2}


class Nearby(Embeddings):
    """Texts that begin with the same word are near."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0, 0.1] if text.startswith("paris") else [0.1, 1.0]


def test_texts_are_one_answer_by_their_meaning() -> None:
    chain = asks(says("Paris it is", "Paris", "London", "paris of course"))
    result = self_consistency(
        chain, n=4, vote="text", embeddings=Nearby(), early_stop=False, together=1
    ).invoke("q")
    assert result["answer"] == "Paris it is"
    assert result["votes"] == {"Paris it is": 3, "London": 1}
    digits = self_consistency(
        asks(says("paris 1999", "paris 1998")), n=2, vote="text", embeddings=Nearby()
    ).invoke("q")
    assert digits["votes"] == {"paris 1999": 1, "paris 1998": 1}
    denied = self_consistency(
        asks(says("paris is safe", "paris is not safe", "paris isn't safe")),
        n=3,
        vote="text",
        embeddings=Nearby(),
        early_stop=False,
        together=1,
    ).invoke("q")
    assert denied["votes"] == {"paris is not safe": 2, "paris is safe": 1}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("It is 12.5 km long.", "It is 5.12 km long.", False),
        ("It is 12.50 km long.", "It is 12.5 km long.", True),
        ("It was -5 degrees.", "It was 5 degrees.", False),
        ("It was .5 degrees.", "It was 5 degrees.", False),
        ("Ann has 3 and Bob has 5", "Ann has 5 and Bob has 3", False),
        ("three apples", "four apples", False),
        ("twenty-one apples", "21 of the apples", True),
        ("three hundred apples", "300 such apples", True),
        ("5 billion people live", "5 million people live", False),
        ("one of the apples", "some apples", True),
        ("one apple and two pears", "two apples and one pear", False),
        ("It is safe to eat", "It is unsafe to eat", False),
        ("The contract is legal", "The contract is illegal", False),
        ("It is non-toxic", "It is toxic", False),
        ("It is true that it rains", "It is false that it rains", False),
        ("He went to it", "He went into it", True),
        ("Paris is north of Lyon", "Lyon is north of Paris", False),
        ("Paris, it is.", "Paris it is", True),
    ],
)
def test_texts_that_are_near_and_not_the_same(one: str, other: str, same: bool) -> None:
    vote_of = normaliser("text", ())
    count = Count(cosine_above({vote_of(text): [1.0] for text in (one, other)}, 0.85), units=True)
    for path, text in enumerate((one, other)):
        count.add(path, vote_of(text))
    assert (len(count.groups) == 1) is same


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"n": 0}, "n must be"),
        ({"together": 0}, "together must be"),
        ({"vote": "most"}, "vote must be"),
        ({"vote": "choices"}, "at least two"),
        ({"vote": "choices", "choices": ["a", "a"]}, "'a' and 'a' are the same"),
        ({"vote": "choices", "choices": ["a", "(a)"]}, "are the same"),
        ({"vote": "choices", "choices": ["!", "?"]}, "'!' has nothing but signs"),
        ({"vote": "choices", "choices": ["a", 1]}, "a choice is a text, not 1"),
        ({"vote": "choices", "choices": None}, "a list of texts"),
        ({"min_similarity": 0}, "min_similarity"),
        ({"temperature": "hot"}, "temperature must be"),
        ({"temperature": -1}, "temperature must be"),
        ({"temperature": float("nan")}, "temperature must be"),
    ],
)
def test_wrong_arguments(arguments: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        self_consistency(asks(says("1")), **arguments)


def test_without_a_model_to_heat_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="no chat model to be seen"):
        self_consistency(RunnableLambda(str))


@pytest.mark.model
def test_the_same_seed_gives_the_same_paths_on_the_real_model(smollm2: BaseChatModel) -> None:
    model = smollm2.model_copy(update={"max_tokens": 6})
    chain = self_consistency(asks(model.bind(regex="[0-9]{1,2}")), n=3, early_stop=False)
    first, second = chain.invoke("A number?"), chain.invoke("A number?")
    assert [p["answer"] for p in first["paths"]] == [p["answer"] for p in second["paths"]]
