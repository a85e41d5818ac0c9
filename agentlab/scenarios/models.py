"""The chat models of a scenario file, made when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.boundary import recordable
from agentlab.offline import is_offline
from agentlab.scenarios.keeping import kept
from agentlab.scenarios.schema import PROVIDERS, ModelEntry

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# Providers whose models can be used again: nothing of one call shows in the next.
_KEPT = ("gguf", "hf", "smollm2")


class Models:
    """Makes the models that a file names. ``parameters`` come on top of every model's own."""

    def __init__(
        self,
        project: Path,
        named: Mapping[str, str | ModelEntry],
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.named = named
        self._project = project
        self._parameters = dict(parameters or {})

    def get(self, model: str | ModelEntry | None) -> BaseChatModel:
        """The model called so under ``models``, or that a spec or mapping means.

        None is the only one under ``models``, or else the model of the settings.

        Raises:
            ConfigError: it cannot be loaded.
        """
        if model is None and len(self.named) == 1:
            model = next(iter(self.named.values()))
        elif isinstance(model, str) and model in self.named:
            model = self.named[model]
        if model is None:
            from agentlab.config import settings

            model = settings().model
        spec, parameters = _spec(model)
        parameters = _preset({**parameters, **self._parameters})
        kind, colon, name = spec.partition(":")
        if kind in ("gguf", "scripted") and colon:
            spec = f"{kind}:{self._project / Path(name).expanduser()}"
        return _loaded(spec, kind, parameters)


def _spec(model: str | ModelEntry) -> tuple[str, dict[str, Any]]:
    if isinstance(model, str):
        return model, {}
    provider = next(name for name in PROVIDERS if getattr(model, name) is not None)
    value = getattr(model, provider)
    spec = value if provider == "spec" else f"{provider}:{value}"
    return spec, dict(model.model_extra or {})


def _preset(parameters: dict[str, Any]) -> dict[str, Any]:
    """``parameters`` over those of the ``preset`` that they name."""
    name = parameters.pop("preset", None)
    if name is None:
        return parameters
    from agentlab.reasoning.presets import preset

    return {**preset(str(name)), **parameters}


def _loaded(spec: str, kind: str, parameters: dict[str, Any]) -> BaseChatModel:
    from agentlab.models import load_model

    if is_offline() and kind in ("openai", "cohere"):
        from agentlab.scenarios.standin import stand_in

        name = spec.partition(":")[2]
        # The key is no part of a request, and a machine that replays has none.
        variables = {"openai": ("OPENAI_API_KEY",), "cohere": ("CO_API_KEY", "COHERE_API_KEY")}
        if not any(os.environ.get(name) for name in variables[kind]):
            parameters = {"api_key": "replay", **parameters}
        return recordable(stand_in(kind, name, parameters, lambda: load_model(spec, **parameters)))
    if kind not in _KEPT:
        return load_model(spec, **parameters)
    return kept([spec, parameters, is_offline()], lambda: load_model(spec, **parameters))
