"""What a model is shown of a conversation: everything, the last turns, what fits, a summary.

``memory.view(history)`` returns the messages to show and never changes ``history``. A memory is
also a Runnable, from a history (or a mapping that has one) to the view of it::

    RunnablePassthrough.assign(history=WindowMemory(turns=4)) | prompt | model
"""

from agentlab.memory.base import BufferMemory, Memory
from agentlab.memory.counting import count_messages, count_text
from agentlab.memory.parsing import parse_memory
from agentlab.memory.summary import SummaryBufferMemory, SummaryMemory
from agentlab.memory.trimming import TokenMemory, WindowMemory

__all__ = [
    "BufferMemory",
    "Memory",
    "SummaryBufferMemory",
    "SummaryMemory",
    "TokenMemory",
    "WindowMemory",
    "count_messages",
    "count_text",
    "parse_memory",
]
