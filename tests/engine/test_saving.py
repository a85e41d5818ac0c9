"""What a model has read, in a file: it comes back with the same bits, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentlab.engine import ContextOptions, Engine, LoadOptions, Piece, open_engine
from agentlab.engine.kept import Kept
from agentlab.engine.saving import read_sequence, write_sequence
from agentlab.errors import ConfigError, CorruptStore

Ask = Callable[..., list[Piece]]
KEY = {"model": "abc", "n_batch": 16}
CHAT = "The keeper of the lighthouse writes in his book every evening what the sea was doing, and"


def kept(size: int = 100) -> Kept:
    tokens = np.arange(20, dtype=np.int32)
    state = np.arange(size, dtype=np.uint8)
    return Kept(tokens, 16, state, np.linspace(0, 1, 8, dtype=np.float32))


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state"
    for one in (kept(), Kept(kept().tokens, 16, kept().state)):
        write_sequence(path, one, KEY)
        back = read_sequence(path, KEY)
        assert back.exact == one.exact
        assert back.tokens.tolist() == one.tokens.tolist()
        assert back.state.tolist() == one.state.tolist()
        assert (back.logits is None) == (one.logits is None)
    assert [file.name for file in path.parent.iterdir()] == ["state"]


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_sequence(path, kept(), KEY)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(CorruptStore):
            read_sequence(path, KEY)
    for size in (0, 10, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptStore):
            read_sequence(path, KEY)


def test_what_belongs_to_another_model_is_refused(tmp_path: Path) -> None:
    write_sequence(tmp_path / "state", kept(), KEY)
    with pytest.raises(CorruptStore, match="another model"):
        read_sequence(tmp_path / "state", {**KEY, "model": "def"})


@pytest.mark.model
def test_another_engine_goes_on_from_it(
    tmp_path: Path, box: Path, engine: Engine, ask: Ask
) -> None:
    tokens = engine.weights.tokenize(CHAT)
    engine._worker.context.forget()
    cold = ask(CHAT, max_tokens=4, top_logprobs=1)
    engine.save(tmp_path / "state", tokens, KEY)
    other = open_engine(box, LoadOptions(), ContextOptions(n_ctx=256, n_batch=16))
    assert other.load(tmp_path / "state", KEY) == len(tokens)
    warm = ask(CHAT, on=other, max_tokens=4, top_logprobs=1)
    assert warm[-1].timings is not None
    assert warm[-1].timings.cached_tokens == len(tokens)
    assert [p.logprobs for p in warm] == [p.logprobs for p in cold]
    other.close()


@pytest.mark.model
@pytest.mark.parametrize("wrong", ["state", "tokens", "logits", "long"])
def test_a_state_that_fits_no_context_is_refused(
    tmp_path: Path, engine: Engine, ask: Ask, wrong: str
) -> None:
    tokens = engine.weights.tokenize(CHAT)
    engine.save(tmp_path / "state", tokens, KEY)
    good = read_sequence(tmp_path / "state", KEY)
    bad = {
        "state": Kept(good.tokens, good.exact, good.state[:-9], good.logits),
        "tokens": Kept(good.tokens + 10**6, good.exact, good.state, good.logits),
        "logits": Kept(good.tokens, good.exact, good.state, np.zeros(3, np.float32)),
        "long": Kept(np.resize(good.tokens, 600), good.exact, good.state, good.logits),
    }[wrong]
    write_sequence(tmp_path / "state", bad, KEY)
    with pytest.raises(CorruptStore, match="take back"):
        engine.load(tmp_path / "state", KEY)
    assert ask(CHAT, max_tokens=1)[-1].finish == "length"


@pytest.mark.model
@pytest.mark.parametrize(
    ("given", "says"),
    [({"type_k": "q3"}, "type_k"), ({"type_v": "q8_0"}, "flash attention")],
)
def test_types_of_the_cache_are_checked(box: Path, given: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        open_engine(box, LoadOptions(), ContextOptions(n_ctx=256, **given))  # type: ignore[arg-type]


@pytest.mark.model
def test_a_smaller_cache_by_its_types(box: Path, ask: Ask) -> None:
    options = ContextOptions(n_ctx=256, type_k="q8_0", type_v="q8_0", flash_attention=True)
    engine = open_engine(box, LoadOptions(), options)
    assert ask(CHAT, on=engine, max_tokens=2)[-1].finish == "length"
    engine.close()
