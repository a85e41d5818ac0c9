"""Text from outside, as a terminal may show it: see :mod:`agentlab.safe_text`."""

from agentlab.safe_text import SafeText, visible

__all__ = ["SafeText", "visible"]
