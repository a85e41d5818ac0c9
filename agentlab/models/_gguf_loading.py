"""How a local model is loaded: fields that are set once, when it is made."""

from __future__ import annotations

import functools
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from agentlab.models.files import check_gguf

if TYPE_CHECKING:
    from agentlab.engine import ContextOptions, LoadOptions

_N_BATCH = 64  # agentlab.engine.N_BATCH
KVType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]


class LoadParameters(BaseModel):
    """The fields of a model that its engine is made from."""

    n_ctx: int | None = Field(
        None, ge=0, le=2**31 - 1, description="tokens; 0: as trained; None: what fits"
    )
    n_batch: int = Field(_N_BATCH, ge=1, le=2**20, description="tokens read at once")
    n_threads: int | None = Field(None, ge=1, le=512, description="None: as many as pay")
    n_gpu_layers: int | None = Field(None, ge=-1, description="-1: all; None: all on a GPU build")
    main_gpu: int = Field(0, ge=0)
    tensor_split: tuple[float, ...] | None = None
    kept_mib: int = Field(256, ge=0, description="memory for prompts read earlier, in MiB")
    parallel: int = Field(
        1, ge=1, le=32, description="requests decoded together; over 1 their bits may differ"
    )
    deterministic: bool | None = Field(
        None, description="False: reads less, answers may depend on what ran before; None: True"
    )
    flash_attention: bool | None = Field(None, description="None: not on the CPU")
    type_k: KVType = Field("f16", description="type of the KV cache's keys")
    type_v: KVType = Field("f16", description="and of its values")
    chat_template: str | None = Field(None, description="jinja2, or 'chatml'; None: the file's own")

    def engine_options(self) -> tuple[LoadOptions, ContextOptions]:
        """How the file is put into memory, and the shape of the context."""
        from agentlab.engine import ContextOptions, LoadOptions

        load = LoadOptions(self.n_gpu_layers, self.main_gpu, self.tensor_split)
        return load, ContextOptions(
            self.n_ctx,
            self.n_batch,
            self.n_threads,
            kept_bytes=self.kept_mib * 1024**2,
            parallel=self.parallel,
            deterministic=self.deterministic,
            flash_attention=self.flash_attention,
            type_k=self.type_k,
            type_v=self.type_v,
        )


def build_key(model: LoadParameters) -> dict[str, Any]:
    """What a state that llama.cpp wrote depends on, besides the file."""
    from agentlab.engine import build

    own = ("n_batch", "n_gpu_layers", "flash_attention", "type_k", "type_v")
    return {
        "llama.cpp": f"{version('llama-cpp-python')} {build()}",
        **{name: getattr(model, name) for name in own},
        "deterministic": model.deterministic is not False,
    }


# LangChain asks for a model's identity at every call: the file is read once, not each time.
@functools.lru_cache(maxsize=64)
def own_template(path: Path, _stamp: tuple[int, ...]) -> str | None:
    """The chat template in the file ``path``, None where it has none."""
    source = check_gguf(path).metadata.get("tokenizer.chat_template")
    return source if isinstance(source, str) else None
