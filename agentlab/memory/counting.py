"""Counting tokens with a model's own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately

from agentlab.recording.counts import counted

# A hosted model's tokenizer may not be installed, not be published, or need a download.
_NO_TOKENIZER = (ImportError, NotImplementedError, OSError, KeyError)


def count_messages(
    model: BaseChatModel | None, messages: Sequence[BaseMessage]
) -> tuple[int, bool]:
    """The tokens of ``messages``, and whether that is exact.

    A model without a tokenizer, and None, give an estimate of four characters a token. A recording
    keeps the count for its replay.
    """
    if not messages:
        return 0, True
    if model is not None:
        own = model
        try:
            known = counted(messages, lambda: own.get_num_tokens_from_messages(list(messages)))
        except _NO_TOKENIZER:
            known = None
        if known is not None:
            return known, True
    return count_tokens_approximately(list(messages)), False


def count_text(model: BaseChatModel | None, text: str) -> int:
    """The tokens of ``text``; an estimate where the model has no tokenizer."""
    if model is not None:
        try:
            return model.get_num_tokens(text)
        except _NO_TOKENIZER:
            pass
    return -(-len(text) // 4)
