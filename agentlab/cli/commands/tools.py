"""``agentlab tools``: what tools there are, and what one answers."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from agentlab.cli.app import new_app
from agentlab.errors import ConfigError

app = new_app(invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The tool's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


@app.callback()
def tools(context: typer.Context) -> None:
    """List the tools, show one, or run one as an agent would."""
    if context.invoked_subcommand is None:
        list_all()


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the tools: the project's own and those that ship."""
    from agentlab.cli.console import Console
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.cli.tables import write_table
    from agentlab.tools import list_tools

    console = Console()
    found = list_tools()
    if as_json:
        for info in found:
            console.line(json_of(info, ascii_only=console.out_is_terminal))
        return
    rows = [
        (
            info.name,
            _arguments(info.arguments),
            f"WRONG: {info.problem}" if info.problem else info.description.partition("\n")[0],
        )
        for info in found
    ]
    write_table(console, ("tool", "arguments", "what it is for"), rows)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a tool: what the model is told of it, and the policy it runs in."""
    from agentlab.cli.console import Console
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.tools import describe_tool, load_tools, tool_file

    load_tools(name)  # a wrong file is an error here, not a line of the list
    info = describe_tool(tool_file(name))
    console = Console()
    if as_json:
        console.line(json_of(info, indent=2, ascii_only=console.out_is_terminal))
        return
    console.line(f"{info.name}: {info.description}")
    for argument, schema in info.arguments.items():
        console.line(f"  {argument} ({_kind(schema)})  {schema.get('description', '')}")
    policy = info.policy
    if info.assumed:
        console.line("policy        none in the file, so the careful one is assumed")
    console.line(f"timeout       {policy.timeout:g} s")
    console.line(f"max_result    {policy.max_result:,} characters")
    console.line(f"network       {_yes(policy.network)}")
    console.line(f"side_effects  {_yes(policy.side_effects)}")
    console.line(f"untrusted     {_yes(policy.untrusted)}")
    console.line(f"isolate       {_yes(policy.isolate)}")
    console.line(f"file          {info.file}")


@app.command()
def run(
    name: Name,
    arguments: Annotated[
        list[str] | None,
        typer.Option("--arg", metavar="NAME=VALUE", help="An argument; not a text: JSON."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write the result and its artifact as JSON.")
    ] = False,
) -> None:
    """Run a tool within its policy and write its result to stdout.

    agentlab tools run calculator --arg expression="15% of 80"
    """
    from agentlab.cli.console import Console
    from agentlab.cli.interrupts import interruptible
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.tools import load_tools

    (tool,) = load_tools(name)
    call = {
        "type": "tool_call",
        "id": "cli",
        "name": name,
        "args": _read(arguments or [], tool.args, name),
    }
    with interruptible():
        message = tool.invoke(call)
    console = Console()
    if as_json:
        record = {
            "content": message.content,
            "artifact": message.artifact,
            "error": message.status == "error",
        }
        console.line(json_of(record, ascii_only=console.out_is_terminal))
    elif message.status == "error":
        console.note(message.content)
    else:
        console.answer(message.text)
        console.end_line()
    if message.status == "error":
        raise typer.Exit(1)


def _read(options: list[str], schemas: dict[str, Any], tool: str) -> dict[str, Any]:
    """The arguments: texts where the tool takes texts, else JSON where it is JSON."""
    from difflib import get_close_matches

    from agentlab.tools.schemas import stays_text

    values: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise ConfigError(f"--arg {option!r:.80} has no name=", hint="--arg name=value")
        if name not in schemas:
            near = get_close_matches(name, schemas, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(schemas)}"
            raise ConfigError(f"{tool} has no argument {name!r:.80}", hint=hint)
        values[name] = value
        try:
            decoded = json.loads(value)
        except (ValueError, RecursionError):
            continue  # a text, which the tool's schema accepts or refuses
        if not stays_text(schemas[name], decoded):
            values[name] = decoded
    return values


def _arguments(schemas: dict[str, Any]) -> str:
    return " ".join(f"[{n}]" if "default" in s else n for n, s in schemas.items())


def _kind(schema: dict[str, Any]) -> str:
    kind = " | ".join(map(str, schema["enum"])) if "enum" in schema else schema.get("type", "any")
    return f"{kind}, {schema['default']!r} if left out" if "default" in schema else str(kind)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
