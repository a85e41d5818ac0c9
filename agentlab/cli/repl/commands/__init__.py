"""The commands, a file for each group; each has its ``COMMANDS``.

helping.py    help, quit, and how answers are shown
setting.py    model, memory, system, prompt, parameters, tools
asking.py     retry, edit, attach
looking.py    context, tokens, history, copy, Markdown
keeping.py    undo, redo, clear, branches, fork, save, load, sessions, export
"""
