"""``agentlab schema``: the JSON schema of scenario files."""

from __future__ import annotations

from agentlab.cli.app import new_app

app = new_app()


@app.command()
def schema() -> None:
    """Write the JSON schema of scenario files to stdout.

    agentlab schema > agentlab.schema.json, and as the first line of a scenario file:
    # yaml-language-server: $schema=./agentlab.schema.json
    """
    import json

    from agentlab.cli.console import Console
    from agentlab.scenarios.schema import json_schema

    Console().line(json.dumps(json_schema(), indent=2, ensure_ascii=False))
