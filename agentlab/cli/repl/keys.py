"""What the keys do that they do not do in every prompt."""

from __future__ import annotations

from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent

from agentlab.cli.repl.blocks import is_open


def bindings() -> KeyBindings:
    """Enter sends, but inside a block; Alt-Enter begins a new line."""
    keys = KeyBindings()

    # Lines that were typed during an answer come with the second.
    @keys.add("enter")
    @keys.add("c-j")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_open(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
