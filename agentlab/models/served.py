"""A GGUF file behind llama.cpp's own server, in this process (xllamacpp), by OpenAI's protocol.

The other backend for local models: many requests in one batch and no promise of the same bits. The
calls are those of any OpenAI-compatible server; only the server is started here, on a free port of
the loopback address, and ends with the last model that uses it.
"""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from agentlab.errors import ModelError
from agentlab.models._gguf_parameters import wrong_parameter
from agentlab.models._hosted import missing_extra
from agentlab.models._parameters import check_parameters
from agentlab.models.checksums import known_sha256
from agentlab.models.files import check_gguf
from agentlab.models.openai import PARAMETERS, OpenAIChatModel, build
from agentlab.offline import is_offline

_NOT_HERE = {"base_url", "api_key", "organization", "service_tier", "use_responses_api"}


class ServerOptions(BaseModel):
    """How the server is started. ``n_ctx`` is in tokens, shared by ``parallel`` requests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_ctx: int = Field(8192, ge=256)
    parallel: int = Field(4, ge=1, le=64)
    n_threads: int | None = Field(None, ge=1, le=512)
    n_gpu_layers: int | None = Field(None, ge=-1)


class _Server:
    """One running server; the native one stops when this goes."""

    def __init__(self, path: Path, options: ServerOptions) -> None:
        try:
            import xllamacpp
        except ImportError:
            raise missing_extra("served", "xllamacpp") from None
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = options.n_ctx
        params.n_parallel = options.parallel
        params.kv_unified = True
        params.warmup = False
        params.verbosity = -1
        if options.n_threads is not None:
            params.cpuparams.n_threads = options.n_threads
            params.cpuparams_batch.n_threads = options.n_threads
        if options.n_gpu_layers is not None:
            params.n_gpu_layers = options.n_gpu_layers
        try:
            self._native = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelError(
                f"llama.cpp's server does not start with {path.name}: {error}",
                hint="give a smaller n_ctx or parallel",
            ) from error
        self.url = f"{self._native.listening_address}/v1"


class ServedChatModel(OpenAIChatModel):
    """:class:`OpenAIChatModel` that keeps its server running."""

    _server: _Server | None = PrivateAttr(default=None)
    _sha256: str = PrivateAttr(default="")

    @property
    def identity(self) -> dict[str, Any]:
        """Its file, by name and, but in replay, by sha256."""
        more = {"sha256": self._sha256} if self._sha256 else {}
        return {"name": f"served:{self.model_name}", **more}


_servers: weakref.WeakValueDictionary[tuple[Path, ServerOptions], _Server] = (
    weakref.WeakValueDictionary()
)
_lock = threading.Lock()


def create(path: Path, spec: str, /, **params: Any) -> ServedChatModel:
    """The model in the file ``path`` behind a server, started now unless one runs.

    Besides :class:`ServerOptions` it takes OpenAI's parameters (temperature, max_tokens, seed, …).

    Raises:
        UnknownModel, ModelFileError: the file is not there, or not a model.
        ConfigError: a parameter is unknown or wrong.
        MissingExtra: xllamacpp is not installed.
        ModelError: the server does not start.
    """
    mine = {name: params.pop(name) for name in ServerOptions.model_fields if name in params}
    try:
        options = ServerOptions(**mine)
    except ValidationError as error:
        raise wrong_parameter(error, spec) from error
    check_parameters(params, {*PARAMETERS, *ServerOptions.model_fields} - _NOT_HERE, spec)
    url, server, sha256 = "http://127.0.0.1:1/v1", None, ""
    if not is_offline():
        check_gguf(path)
        server, sha256 = _running(path.resolve(), options), known_sha256(path)
        url = server.url
    model = build(ServedChatModel, path.name, {**params, "base_url": url})
    model._server, model._sha256 = server, sha256
    return model


def _running(path: Path, options: ServerOptions) -> _Server:
    with _lock:
        server = _servers.get((path, options))
        if server is None:
            server = _servers[path, options] = _Server(path, options)
        return server
