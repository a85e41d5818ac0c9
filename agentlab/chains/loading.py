"""A chain by its name: one that ships, or one in the user's own module."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from agentlab.errors import AgentLabError, ChainError

if TYPE_CHECKING:
    Factory = Callable[[BaseChatModel], Runnable[Any, Any]]


@dataclass(frozen=True, slots=True)
class ChainInfo:
    """A chain that ships."""

    name: str
    description: str
    variables: tuple[str, ...]
    steps: tuple[str, ...]


def list_chains() -> list[ChainInfo]:
    """The chains that ship, by name. Needs no model."""
    from langchain_core.language_models import FakeListChatModel

    from agentlab.chains.library import CHAINS

    class Nobody(FakeListChatModel):
        """Stands in for a model: the chains are built, never run."""

        def with_structured_output(self, *args: Any, **kwargs: Any) -> Any:
            return self

    found = []
    for name, factory in sorted(CHAINS.items()):
        chain = factory(Nobody(responses=[""]))
        about = inspect.getdoc(factory) or ""
        found.append(ChainInfo(name, about, chain.variables, tuple(chain.steps)))
    return found


def load_chain(
    name: str, model: BaseChatModel | str | None = None, **params: Any
) -> Runnable[Any, Any]:
    """The chain ``name``: one that ships (:func:`list_chains`), or ``module:attribute``.

    ``attribute`` is a Runnable, or a function that makes one: of a model, or of nothing. ``model``
    is a chat model or a spec for :func:`agentlab.load_model`, which ``params`` go to; by default
    the model of the settings.

    Raises:
        ChainError: there is no such chain, or it is not one; or it has its own model and one was
            given.
        ConfigError: the model cannot be loaded.
    """
    wanted = model is not None or bool(params)
    if ":" in name:
        factory = _imported(name)
        if isinstance(factory, Runnable) or not _takes_model(factory, name):
            if wanted:
                raise ChainError(
                    f"{name} has its own model, so it can't be given one",
                    hint="make it a function of a model: def chain(model): …",
                )
            made = factory if isinstance(factory, Runnable) else factory()
            return _runnable(made, name)
        return _runnable(factory(_model(model, params)), name)
    from agentlab.chains.library import CHAINS

    if name not in CHAINS:
        near = get_close_matches(name, CHAINS, n=1)
        raise ChainError(
            f"there is no chain {name!r}",
            hint=f"did you mean {near[0]!r}?"
            if near
            else f"there are {', '.join(sorted(CHAINS))}; your own is module:attribute",
        )
    return CHAINS[name](_model(model, params))


def _model(model: BaseChatModel | str | None, params: Mapping[str, Any]) -> BaseChatModel:
    from agentlab.models import load_model

    return load_model(model, **params)


def _imported(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ChainError(f"{name!r} is not module:attribute", hint="for instance mychains:story")
    try:
        value: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            raise ChainError(
                f"there is no module {error.name!r} to take the chain {name!r} from",
                hint="give a module that Python finds, for instance one in this folder",
            ) from error
        raise ChainError(f"module {module_name!r} cannot be imported: {error}") from error
    except AgentLabError:
        raise
    except Exception as error:
        raise ChainError(
            f"module {module_name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    for part in attribute.split("."):
        if not hasattr(value, part):
            near = get_close_matches(part, dir(value), n=1)
            raise ChainError(
                f"{module_name!r} has no {attribute!r}",
                hint=f"did you mean {near[0]!r}?" if near else "",
            )
        value = getattr(value, part)
    return value


def _takes_model(factory: Any, name: str) -> bool:
    """Whether ``factory`` is a function of a model; False for one of nothing."""
    if not callable(factory):
        raise ChainError(
            f"{name} is of type {type(factory).__name__}, not a chain",
            hint="it has to be a Runnable, or a function that makes one",
        )
    parameters = inspect.signature(factory).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.default is p.empty and p.kind in positional]
    if len(needed) > 1:
        raise ChainError(
            f"{name} takes {len(needed)} arguments, not one model",
            hint="def chain(model): …, or def chain(): …",
        )
    return bool(needed) or any(p.name == "model" for p in parameters)


def _runnable(made: Any, name: str) -> Runnable[Any, Any]:
    if not isinstance(made, Runnable):
        raise ChainError(f"{name} made a {type(made).__name__}, not a chain")
    return made
