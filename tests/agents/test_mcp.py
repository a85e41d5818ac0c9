"""Tools of an MCP server, over its own protocol."""

from __future__ import annotations

import sys
from pathlib import Path

from langchain_mcp_adapters.client import MultiServerMCPClient

from agentlab import create_agent
from tests.agents.parts import call, native

SERVER = '''
from mcp.server.fastmcp import FastMCP

server = FastMCP("test")

@server.tool()
def price(item: str) -> str:
    """The price of an item."""
    if item == "car":
        raise ValueError("no cars")
    return f"{item} costs 5"

server.run()
'''


async def test_tools_of_an_mcp_server(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    client = MultiServerMCPClient(
        {"shop": {"transport": "stdio", "command": sys.executable, "args": [str(script)]}}
    )
    tools = await client.get_tools()
    model = native(call("price", item="tea"), call("price", item="car"), "5")
    result = await create_agent(model, tools, approve=lambda _: True).ainvoke("The price?")
    good, bad = result["steps"]
    assert (good["result"], good["error"]) == ("tea costs 5", False)
    assert bad["error"]
    assert "no cars" in bad["result"]
    assert result["answer"] == "5"
