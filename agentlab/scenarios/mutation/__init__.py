"""How much a scenario's expectations notice: its run is changed on purpose, and they are asked.

Everything comes from the run itself; no model is called. See docs/expectations.md.
"""

from agentlab.scenarios.mutation.mutants import Mutant
from agentlab.scenarios.mutation.scoring import Item, MutationReport, score

__all__ = ["Item", "Mutant", "MutationReport", "score"]
