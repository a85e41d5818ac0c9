"""``python -m agentlab``."""

from agentlab.cli import main

main()
