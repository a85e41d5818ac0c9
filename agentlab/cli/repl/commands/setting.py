"""What answers, and what it is shown: all can be changed in the middle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentlab.cli.repl import choices
from agentlab.cli.repl.chat import SAMPLING
from agentlab.cli.repl.registry import Command
from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl


def _model(repl: Repl, argument: str) -> None:
    from agentlab.cli.values import read_params

    chat = repl.chat
    if not argument:
        length = chat.loading.context_length
        told = f", a context of {length:,} tokens" if length else ""
        repl.console.line(f"{chat.spec}{told}")
        for name, value in chat.parameters.items():
            repl.console.line(f"  {name}={_shown(name, value)}")
        return
    spec, *given = argument.split()
    left = chat.switch_model(spec, read_params(given))
    repl.console.note(f"{chat.spec} answers from now on; the conversation stays")
    if left:
        repl.console.note(f"it does not take {', '.join(left)}, so that is no longer set")


def _memory(repl: Repl, argument: str) -> None:
    chat = repl.chat
    if argument:
        chat.set_memory(argument)
    shown, turns = len(chat.session.memory.view(chat.session.shown)), len(chat.session.history)
    repl.console.line(f"{chat.session.memory.spec}: {shown} of {turns} messages are shown")


def _system(repl: Repl, argument: str) -> None:
    from agentlab.cli.repl.blocks import unfenced

    session = repl.chat.session
    if argument == "default":
        session.system = None
    elif argument:
        session.system = unfenced(argument)
    if argument:
        repl.console.note(
            "the system text is set" if session.system else "back to the prompt's own"
        )
    else:
        repl.console.line(session.system or "the prompt's own; /context shows it")


def _prompt(repl: Repl, argument: str) -> None:
    chat = repl.chat
    if argument:
        chat.set_prompt(argument)
        repl.console.note(f"the prompt is {chat.prompt}")
        return
    for name, about in choices.prompts(repl, ""):
        repl.console.line(f"{'*' if name == chat.prompt else ' '} {name}  {about}")


def _set(repl: Repl, argument: str) -> None:
    chat = repl.chat
    name, _, text = argument.replace("=", " ", 1).partition(" ")
    text = text.strip()
    if text:
        value = None if text in ("default", "none") else _value(text)
        chat.set_parameter(name, value)
        repl.console.note(f"{name} is {_shown(name, getattr(chat.model, name, value))}")
        return
    if name and not hasattr(chat.model, name):
        raise ConfigError(
            f"{chat.spec} has no parameter {name:.40}", hint=f"such as {', '.join(SAMPLING[:4])}"
        )
    for each in [name] if name else [n for n in SAMPLING if hasattr(chat.model, n)]:
        mark = "*" if each in chat.parameters else " "
        repl.console.line(f"{mark} {each} {_shown(each, getattr(chat.model, each))}")


def _tools(repl: Repl, argument: str) -> None:
    chat = repl.chat
    if argument:
        names = argument.replace(",", " ").split()
        chat.set_tools(() if names == ["none"] else tuple(names))
        repl.console.note(f"the tools are {', '.join(chat.tools) or 'none'}")
        return
    from agentlab.tools import list_tools

    for info in list_tools():
        told = f"WRONG: {info.problem}" if info.problem else info.description.partition("\n")[0]
        repl.console.line(f"{'*' if info.name in chat.tools else ' '} {info.name}  {told}")


def _docs(repl: Repl, argument: str) -> None:
    chat = repl.chat
    if argument:
        chat.set_docs(argument)
        told = f"answers are from {chat.docs}, with citations" if chat.docs else "no documents"
        repl.console.note(told)
        return
    repl.console.line(chat.docs or "no documents; /docs DIR answers from an index")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _shown(name: str, value: Any) -> str:
    return "(set)" if "key" in name else "default" if value is None else str(value)


COMMANDS = (
    Command("model", "[SPEC] [NAME=VALUE …]", "Show or switch the model.", _model,
            choices.models, more="The conversation stays, between local and hosted models too."),
    Command("memory", "[SPEC]", "Show or change what the model is shown of the past.", _memory,
            choices.memories,
            more="buffer, window:4, tokens:2000, tokens:50%, summary, summary_buffer:3\n"
            "The conversation itself stays whole, so every change can be taken back."),
    Command("system", "[TEXT|default]", "Show or set the system text.", _system,
            choices.fixed("default")),
    Command("prompt", "[NAME]", "List the prompts for a conversation, or use one.", _prompt,
            choices.prompts, more="none is the bare model, without a prompt."),
    Command("set", "[NAME [VALUE|default]]", "Show or set temperature, max_tokens, seed, …", _set,
            choices.parameters),
    Command("tools", "[NAME …|none]", "List the tools, or let the model use some.", _tools,
            choices.tools),
    Command("docs", "[DIR|off]", "Answer from an index of documents, with citations.", _docs,
            choices.docs,
            more="DIR is what `agentlab index build PATHS -o DIR` made. Only the last question is\n"
            "searched for, so put its subject in it."),
)  # fmt: skip
