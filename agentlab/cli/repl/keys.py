"""What the keys do that they do not do in every prompt."""

from __future__ import annotations

from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent

from agentlab.cli.repl.blocks import is_open


def bindings() -> KeyBindings:
    """Enter sends, but inside a block; Alt-Enter begins a new line."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)  # and not searching

    # Lines that were typed during an answer come with the second.
    @keys.add("enter", filter=typing)
    @keys.add("c-j", filter=typing)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_open(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
