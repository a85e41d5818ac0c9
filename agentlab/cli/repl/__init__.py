"""The chat at the prompt.

chat.py         what is talked to: session, model, prompt, memory; how they are opened and changed
opening.py      doing that in the background, while the prompt is there already
repl.py         one line of input: a question or a command; errors become a sentence and a hint
commands/       the commands, a file for each group; registry.py has them all
turn.py         one answer, stopped by Ctrl-C
rendering.py    events as text; markdown.py: answers as Markdown, block by block
loop.py         reading and answering, at a terminal or from a pipe
line.py         the line editor; keys, history_file.py, completion.py, blocks.py; bar.py below it
"""
