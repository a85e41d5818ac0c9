"""What an answer must look like, and which token may come next.

JSON schemas, regular expressions, choices and Lark grammars are followed by llguidance, GBNF by
llama.cpp's own grammar sampler. Both are asked about one token first; only where it is refused
about all of them.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from agentlab.engine.library import llama, recent_problems, start
from agentlab.engine.weights import Weights
from agentlab.errors import GrammarError

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer
    from llguidance._lib import JsonCompileOptions


@dataclass(frozen=True, slots=True)
class Constraint:
    """A checked grammar, not yet bound to a model's vocabulary."""

    kind: Literal["llguidance", "gbnf"]
    grammar: str

    def matcher(self, weights: Weights) -> Matcher:
        """Begin to follow the grammar with the tokens of ``weights``."""
        if self.kind == "gbnf":
            return _NativeMatcher(weights, self.grammar)
        return _GuidanceMatcher(weights, self.grammar)


class Matcher(Protocol):
    """Follows a grammar through an answer."""

    def allows(self, token: int) -> bool:
        """Whether ``token`` may come next."""

    def allowed(self) -> NDArray[np.int32]:
        """Every token that may come next, shape (n,)."""

    def accept(self, token: int) -> None:
        """Take ``token``, which must be allowed."""

    def forced(self) -> Sequence[int]:
        """The tokens that must come next, as far as each is the only one; none is taken."""

    @property
    def finished(self) -> bool:
        """Whether nothing but the end may come."""


def compile_schema(schema: Mapping[str, Any]) -> Constraint:
    """A JSON schema: the answer is one line of JSON that obeys it.

    One line, since small models fill free whitespace for ever.

    Raises:
        GrammarError: the schema is not one, or uses a keyword that cannot be kept to while
            decoding (the message names it).
    """
    from llguidance import LLMatcher

    layout: JsonCompileOptions = {
        "whitespace_flexible": False,
        "item_separator": ", ",
        "key_separator": ": ",
    }
    try:
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=layout)
    except (TypeError, ValueError) as error:
        raise GrammarError(f"the JSON schema is not JSON: {error}") from error
    return _checked(grammar, "the JSON schema cannot be decoded under")


def compile_lark(grammar: str) -> Constraint:
    """A grammar in llguidance's Lark syntax, whose start rule is ``start``.

    A schema inside it (``%json {"x-guidance": {"lenient": true}, …}``) may ask for keywords that
    cannot be kept to while decoding to be ignored; its layout is its own matter too.

    Raises:
        GrammarError: it does not compile.
    """
    from llguidance import LLMatcher

    return _checked(
        LLMatcher.grammar_from_lark(grammar), "the Lark grammar does not compile", lenient=True
    )


def compile_regex(pattern: str) -> Constraint:
    """A regular expression (without look-around and back references) for the whole answer.

    Raises:
        GrammarError: it does not compile.
    """
    from llguidance import LLMatcher

    return _checked(
        LLMatcher.grammar_from_regex(pattern), f"the regex {pattern!r} does not compile"
    )


def compile_choices(choices: Sequence[str]) -> Constraint:
    """The answer is one of ``choices``, letter by letter.

    Raises:
        GrammarError: there are none, or one is empty.
    """
    texts = not isinstance(choices, str) and all(isinstance(c, str) and c for c in choices)
    if not choices or not texts:
        raise GrammarError(
            f"choices must be a list of at least one text, none of them empty, not {choices!r}"
        )
    return compile_regex("|".join(re.escape(choice) for choice in choices))


@lru_cache(maxsize=256)
def _checked(grammar: str, problem: str, *, lenient: bool = False) -> Constraint:
    from llguidance import LLMatcher

    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar)
    if failed or (messages and not lenient):
        reason = " ".join(messages[0].split())
        raise GrammarError(
            f"{problem}: {reason}",
            hint="leave out what it names, and check it on the answer instead",
        )
    return Constraint("llguidance", grammar)


@lru_cache(maxsize=256)
def compile_grammar(gbnf: str) -> Constraint:
    """A GBNF grammar whose start rule is ``root``.

    Raises:
        GrammarError: it does not compile. llama.cpp alone would decode without it.
    """
    if not gbnf.strip():
        raise GrammarError("the grammar is empty", hint='write at least: root ::= "text"')
    if re.search("[\0\ud800-\udfff]", gbnf):  # llama.cpp would stop reading there
        raise GrammarError("the GBNF grammar holds a character that is none")
    if _nesting(gbnf) > _MAX_NESTING:  # llama.cpp's parser would run out of stack
        raise GrammarError(f"the GBNF grammar nests deeper than {_MAX_NESTING} parentheses")
    sampler, reason = _native_sampler(None, gbnf)
    if not sampler:
        names = sorted(set(re.findall(r"(?m)^\s*([\w-]*_[\w-]*)\s*::=", gbnf)))
        hint = "the start rule is named root; see llama.cpp's grammars/README.md"
        if names:
            hint = (
                f"a rule's name has letters, digits and '-', never '_': rename {', '.join(names)}"
            )
        raise GrammarError(f"the GBNF grammar does not compile: {reason}", hint=hint)
    llama.llama_sampler_free(sampler)
    return Constraint("gbnf", gbnf)


# -- llguidance ------------------------------------------------------------------------------------

_tokenizers: weakref.WeakKeyDictionary[Weights, LLTokenizer] = weakref.WeakKeyDictionary()


def _tokenizer(weights: Weights) -> LLTokenizer:
    """Made once a model, since it reads the whole vocabulary.

    llguidance's own `lltokenizer_from_vocab`, but without the functions that llama.cpp deprecates.
    """
    found = _tokenizers.get(weights)
    if found is None:
        found = _tokenizers[weights] = _read_tokenizer(weights)
    return found


def _is_no_text(weights: Weights, token: int) -> bool:
    """Whether a grammar's text never is ``token``: only its number, ``<[7]>``, is."""
    attributes = llama.llama_vocab_get_attr(weights.vocab, token)
    if attributes & llama.LLAMA_TOKEN_ATTR_CONTROL:
        return True
    piece = weights.raw_piece(token)
    added = attributes & llama.LLAMA_TOKEN_ATTR_USER_DEFINED
    return bool(added and piece.startswith(b"<") and piece.endswith(b">"))


def _read_tokenizer(weights: Weights) -> LLTokenizer:
    from llguidance import LLTokenizer

    tokens = []
    for token in range(weights.n_vocab):
        piece = weights.raw_piece(token)
        # A mark before it is how llguidance knows a token that is no text.
        tokens.append(b"\xff" + piece if _is_no_text(weights, token) else piece)
    return LLTokenizer.from_llamacpp(  # type: ignore[attr-defined,no-any-return]  # not in its stub
        tokens=tokens,
        vocab_ptr=weights.vocab,
        tokenize_fptr=ctypes.cast(llama._lib.llama_tokenize, ctypes.c_void_p).value,
        eos_token=[t for t in range(weights.n_vocab) if weights.ends_generation(t)],
        slices=None,
    )


_COMPILED = 64  # grammars kept a model
_compiled: weakref.WeakKeyDictionary[Weights, OrderedDict[str, LLMatcher]] = (
    weakref.WeakKeyDictionary()
)
_compiled_lock = threading.Lock()


def _begin(weights: Weights, grammar: str) -> LLMatcher:
    """A matcher at its beginning: a copy (microseconds) of one that was compiled before."""
    from llguidance import LLMatcher

    with _compiled_lock:
        known = _compiled.setdefault(weights, OrderedDict())
        matcher = known.get(grammar)
        if matcher is None:
            matcher = known[grammar] = LLMatcher(_tokenizer(weights), grammar, log_level=0)
        known.move_to_end(grammar)
        while len(known) > _COMPILED:
            known.popitem(last=False)
        return matcher.deep_copy()


class _GuidanceMatcher:
    def __init__(self, weights: Weights, grammar: str) -> None:
        self._weights = weights
        self._matcher = _begin(weights, grammar)
        self._check()

    def allows(self, token: int) -> bool:
        if self._weights.ends_generation(token):
            return self._matcher.is_accepting()
        return self._matcher.validate_tokens([token]) == 1

    def allowed(self) -> NDArray[np.int32]:
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        flags = np.unpackbits(bits, bitorder="little")[: self._weights.n_vocab]
        return np.flatnonzero(flags).astype(np.int32)

    def accept(self, token: int) -> None:
        if not self._weights.ends_generation(token):
            self._matcher.consume_token(token)
            self._check()

    def forced(self) -> Sequence[int]:
        if self._matcher.is_stopped():
            return ()
        tokens = self._matcher.compute_ff_tokens()
        # It cuts the forced text into tokens as llama.cpp does, so it may name some that it then
        # refuses, such as <tool_call>.
        tokens = tokens[: self._matcher.validate_tokens(tokens)]
        ends = (i for i, token in enumerate(tokens) if self._weights.ends_generation(token))
        return tokens[: next(ends, len(tokens))]

    @property
    def finished(self) -> bool:
        return self._matcher.is_stopped()

    def _check(self) -> None:
        # Its limits on size (items, rows, states) show only here.
        if self._matcher.is_error():
            reason = " ".join(self._matcher.get_error().split())
            raise GrammarError(f"the grammar cannot be followed: {reason}", hint="make it simpler")


# -- GBNF ------------------------------------------------------------------------------------------

_MAX_NESTING = 200
_LITERAL = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*')
_stderr_lock = threading.Lock()


def _nesting(gbnf: str) -> int:
    depth = deepest = 0
    for sign in re.findall(r"[()]", _LITERAL.sub("", gbnf)):
        depth += 1 if sign == "(" else -1
        deepest = max(deepest, depth)
    return deepest


def _renew_lock() -> None:
    global _stderr_lock, _compiled_lock
    _stderr_lock, _compiled_lock = threading.Lock(), threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def _native_sampler(weights: Weights | None, gbnf: str) -> tuple[Any, str]:
    """llama.cpp's grammar sampler (NULL where it does not compile) and why not.

    llama.cpp prints most reasons to the standard error, so that is read here, and logs the others.
    """
    if weights is not None:
        return llama.llama_sampler_init_grammar(weights.vocab, gbnf.encode(), b"root"), ""
    start()
    recent_problems(clear=True)
    with _stderr_lock, tempfile.TemporaryFile() as captured:
        try:
            saved = os.dup(2)
        except OSError:  # closed, as a daemon's is
            sampler = llama.llama_sampler_init_grammar(None, gbnf.encode(), b"root")
            return sampler, "its reason went to the standard error, which is closed"
        os.dup2(captured.fileno(), 2)
        try:
            sampler = llama.llama_sampler_init_grammar(None, gbnf.encode(), b"root")
        finally:
            os.dup2(saved, 2)
            os.close(saved)
        captured.seek(0)
        data = captured.read()
        if sampler and data:  # what another thread wrote meanwhile
            with suppress(OSError):
                os.write(2, data)
        lines = data.decode("utf-8", "replace").splitlines()
    lines += recent_problems()
    reason = next((line for line in lines if line.strip()), "") or "no reason given"
    reason = re.sub(r"^\w+: ", "", reason).removeprefix("error parsing grammar: ")
    return sampler, reason


class _NativeMatcher:
    """A refused token must never be accepted: llama.cpp ends the process on one."""

    def __init__(self, weights: Weights, gbnf: str) -> None:
        self._weights = weights
        self._sampler, _ = _native_sampler(weights, gbnf)
        self._free = weakref.finalize(self, llama.llama_sampler_free, self._sampler)

    def allows(self, token: int) -> bool:
        return bool(len(self._apply(np.array([token], dtype=np.int32))))

    def allowed(self) -> NDArray[np.int32]:
        return self._apply(np.arange(self._weights.n_vocab, dtype=np.int32))

    def accept(self, token: int) -> None:
        llama.llama_sampler_accept(self._sampler, token)

    def forced(self) -> Sequence[int]:
        return ()

    @property
    def finished(self) -> bool:
        return False  # the end-of-answer token is then the only one allowed

    def _apply(self, tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        data, candidates = candidates_of(tokens, np.zeros(len(tokens), dtype=np.float32))
        llama.llama_sampler_apply(self._sampler, ctypes.byref(candidates))
        kept = data[: candidates.size]
        ids: NDArray[np.int32] = kept["id"][np.isfinite(kept["logit"])]
        return ids


CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


def candidates_of(
    tokens: NDArray[np.int32], logits: NDArray[np.float32]
) -> tuple[NDArray[np.void], llama.llama_token_data_array]:
    """llama.cpp's candidate array over ``tokens``, and the numpy memory it needs kept alive."""
    data = np.zeros(len(tokens), dtype=CANDIDATE)
    data["id"] = tokens
    data["logit"] = logits
    pointer = data.ctypes.data_as(llama.llama_token_data_p)
    return data, llama.llama_token_data_array(pointer, len(tokens), -1, False)
