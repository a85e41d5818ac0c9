"""What ``agentlab doctor`` looks at. Only the local engine is loaded, nothing goes to a network."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from agentlab import __version__
from agentlab.errors import AgentLabError

State = Literal["ok", "absent", "broken"]

PARTS = ("langchain-core", "llama-cpp-python", "llguidance", "pydantic", "jinja2", "typer")
EXTRAS = {
    "openai": "langchain-openai",
    "cohere": "langchain-cohere",
    "community": "langchain-community",
}
KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "hub": ("HF_TOKEN",),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``absent`` is optional and not there; ``broken`` is needed."""

    area: str
    name: str
    state: State
    told: str
    hint: str = ""


def check_all() -> list[Check]:
    """Look at everything. What cannot be looked at is ``broken``, never an error."""
    looks: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("python", _python),
        ("parts", _parts),
        ("engine", _engine),
        ("models", _models),
        ("texts", _texts),
        ("extras", _extras),
        ("keys", _keys),
        ("folders", _folders),
    )
    found: list[Check] = []
    for area, look in looks:
        try:
            found += look()
        except AgentLabError as error:
            found.append(Check(area, area, "broken", str(error), error.hint))
        except Exception as error:  # noqa: BLE001  # the doctor reports, whatever is wrong
            found.append(Check(area, area, "broken", f"{type(error).__name__}: {error}"))
    return found


def _python() -> Iterator[Check]:
    yield Check("python", "agentlab", "ok", __version__)
    yield Check("python", "python", "ok", f"{platform.python_version()} ({sys.executable})")
    yield Check("python", "system", "ok", f"{platform.platform()}, {os.cpu_count()} cores")


def _parts() -> Iterator[Check]:
    for name in PARTS:
        installed = _version(name)
        if installed:
            yield Check("parts", name, "ok", installed)
        else:
            yield Check("parts", name, "broken", "not installed", f"pip install {name}")


def _engine() -> Iterator[Check]:
    cuda = 'CMAKE_ARGS="-DGGML_CUDA=on" make install (see docs/gpu.md)'
    from agentlab import engine

    accelerator = engine.accelerator()
    if accelerator:
        yield Check("engine", "accelerator", "ok", accelerator)
    else:
        yield Check("engine", "accelerator", "absent", "none: llama.cpp runs on the CPU", cuda)
    yield Check("engine", "llama.cpp", "ok", " ".join(engine.build().split()))
    context, kept = engine.KV_BYTES >> 20, engine.KEPT_BYTES >> 20
    bounds = f"a context up to {context} MiB (n_ctx), earlier prompts up to {kept} MiB (kept_mib)"
    yield Check("engine", "memory", "ok", f"for each model, besides its file: {bounds}")


def _models() -> Iterator[Check]:
    from agentlab.models.box import BOX_NAME, box_model
    from agentlab.models.local import local_models

    try:
        yield Check("models", BOX_NAME, "ok", f"{box_model()} (its sha256 is right)")
    except AgentLabError as error:
        yield Check("models", BOX_NAME, "broken", str(error), error.hint)
    for model in local_models():
        if model.spec == BOX_NAME:
            continue
        state: State = "absent" if model.problem else "ok"
        yield Check("models", model.spec, state, model.problem or str(model.path))


def _texts() -> Iterator[Check]:
    """The small models of texts in the box, run on a question and two texts."""
    from agentlab.models.embeddings import load_embeddings
    from agentlab.models.reranker import load_reranker

    question, fits, does_not = "Who keeps the lighthouse?", "Ada keeps the lighthouse.", "It rains."

    def embedded() -> tuple[float, float]:
        embeddings = load_embeddings("bge-small")
        one, *others = [
            embeddings.embed_query(question),
            *embeddings.embed_documents([fits, does_not]),
        ]
        right, wrong = (sum(a * b for a, b in zip(one, v, strict=True)) for v in others)
        return right, wrong

    def reranked() -> tuple[float, float]:
        right, wrong = load_reranker("minilm").rerank(question, [fits, does_not])
        return right, wrong

    for name, told, look in (
        ("bge-small", "embeddings", embedded),
        ("minilm", "reranker", reranked),
    ):
        try:
            right, wrong = look()
        except AgentLabError as error:
            yield Check("texts", name, "broken", str(error), error.hint)
            continue
        if right > wrong:
            yield Check("texts", name, "ok", f"{told} in the box; an answer fits its question")
        else:
            yield Check(
                "texts", name, "broken", f"{told} in the box; an answer does not fit its question"
            )


def _extras() -> Iterator[Check]:
    for extra, package in EXTRAS.items():
        installed = _version(package)
        if installed:
            yield Check("extras", extra, "ok", f"{package} {installed}")
        else:
            install = f"uv sync --extra {extra} in the project, or pip install {package}"
            yield Check("extras", extra, "absent", f"{package} is not installed", install)


def _keys() -> Iterator[Check]:
    for name, variables in KEYS.items():
        there = next((v for v in variables if os.environ.get(v, "").strip()), None)
        if there:
            yield Check("keys", name, "ok", f"{there} is set")
        else:
            yield Check("keys", name, "absent", f"{' or '.join(variables)} is not set")


def _folders() -> Iterator[Check]:
    from agentlab import config

    yield Check("folders", "project", "ok", str(config.project_folder()))
    names: tuple[config.Folder, ...] = ("prompts", "tools", "scenarios")
    for name in names:
        yield Check("folders", name, "ok", ", ".join(str(f) for f in config.folders(name)))
    settings = config.settings()
    yield Check("folders", "data", "ok", str(settings.data))
    yield Check("folders", "cache", "ok", str(settings.cache))
    yield Check("folders", "default model", "ok", settings.model)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
