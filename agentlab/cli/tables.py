"""Lists as tables: drawn on a terminal, plain columns elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from agentlab.cli.console import Console, shows_styles
from agentlab.safe_text import visible


def write_table(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write ``rows`` under ``head``. Elsewhere than on a terminal: columns parted by tabs."""
    if not console.out_is_terminal:
        for row in rows:
            console.line("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in head:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    plain = not shows_styles(console.out)
    RichConsole(file=console.out, color_system=None if plain else "auto").print(table)
