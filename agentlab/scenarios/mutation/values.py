"""Changes of a value: a number, a truth value, a text, a member that is gone.

Objects stay what they are: a message in a list of messages is a message still.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from agentlab.recording.codec import plain
from agentlab.scenarios.expectations.diffs import step
from agentlab.scenarios.mutation import texts

Path = tuple[str | int, ...]
Change = tuple[str, str, Any]  # what, in one line, the changed value

_MOST_LEAVES = 500


def changed(value: Any, skip: Collection[Path] = ()) -> Iterator[Change]:
    """Changes of ``value``, none of them at or under a path in ``skip``."""
    leaves = [
        (path, leaf)
        for path, leaf in _leaves(plain(value))
        if not any(path[: len(known)] == known for known in skip)
    ]
    numbers = [(p, v) for p, v in leaves if isinstance(v, int | float) and not isinstance(v, bool)]
    for path, number in numbers[:1] + numbers[1:][-1:]:
        yield _change("number", value, path, number, other_number(number))
    flags = [(p, v) for p, v in leaves if isinstance(v, bool)]
    for path, flag in flags[:1]:
        yield _change("negated", value, path, flag, not flag)
    words = sorted(
        ((p, v) for p, v in leaves if isinstance(v, str) and v), key=lambda pair: -len(pair[1])
    )
    for path, text in words[:1]:
        for _, _, new in [*texts.numbers(text)][:1]:
            yield _change("number", value, path, text, new)
        if " " in text.strip():
            yield _change("negated", value, path, text, texts.negate(text)[0])
        other = next((v for _, v in words if v != text), None)
        if other is not None:
            yield _change("text replaced", value, path, text, other)
        yield _change("text emptied", value, path, text, "")
    if isinstance(value, Mapping):
        for name in [n for n in value if (n,) not in skip][:1]:
            rest = {k: v for k, v in value.items() if k != name}
            yield "member dropped", step("$", name), rest
    elif isinstance(value, list) and value:
        yield "item dropped", f"$[{len(value) - 1}]", value[:-1]


def other_number(number: float) -> float:
    """One more; of numbers so large that this is the same, twice as much."""
    return number + 1 if number + 1 != number else number * 2


def _change(what: str, value: Any, path: Path, old: Any, new: Any) -> Change:
    where = "$"
    for part in path:
        where = f"{where}[{part}]" if isinstance(part, int) else step(where, part)
    return what, f"{where}: {_said(old)} → {_said(new)}", replaced(value, path, new)


def _said(value: Any) -> str:
    return texts.quoted(value) if isinstance(value, str) else json.dumps(value, default=str)


def _leaves(value: Any) -> Iterator[tuple[Path, Any]]:
    stack: list[tuple[Path, Any]] = [((), value)]
    count = 0
    while stack and count < _MOST_LEAVES:
        path, item = stack.pop()
        if isinstance(item, Mapping):
            stack += [((*path, k), v) for k, v in reversed(list(item.items()))]
        elif isinstance(item, list):
            stack += [((*path, i), v) for i, v in reversed(list(enumerate(item)))]
        else:
            count += 1
            yield path, item


def place_of(value: Any, text: str) -> Path | None:
    """Where in ``value`` the answer's text stands: the last place, as in a list of messages."""
    if not text:
        return None
    places = [path for path, leaf in _leaves(plain(value)) if leaf == text]
    return places[-1] if places else None


def replaced(value: Any, path: Path, new: Any) -> Any:
    """``value`` with ``new`` at ``path``; the original is left as it is."""
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {k: replaced(v, rest, new) if str(k) == head else v for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(replaced(v, rest, new) if i == head else v for i, v in enumerate(value))
    if isinstance(value, BaseModel) and head in type(value).model_fields:
        name = str(head)
        return value.model_copy(update={name: replaced(getattr(value, name), rest, new)})
    return value  # an object that cannot be made anew: it has no change here
