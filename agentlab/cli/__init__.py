"""The command line: the only part that knows terminals.

entry.py        main(): errors become sentences and exit codes
app.py          the commands' names, each imported when it is used
commands/       one file a command
interrupts.py   Ctrl-C cancels what runs
console.py      what goes to stdout and stderr, and how
safe_text.py    text from outside, without its power over the terminal
answers.py      events as text; jsonlines.py: events as NDJSON
values.py       --set, --set-json, --param and the input
tables.py       lists
delivery.py     a text to stdout or into a file
repl/           the chat at the prompt
"""

from __future__ import annotations


def main() -> None:
    """Run ``agentlab`` with the process's arguments, and exit with its code."""
    import sys

    from agentlab.cli.entry import run

    sys.exit(run(sys.argv[1:]))
