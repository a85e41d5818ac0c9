"""llama.cpp's shared library, loaded quietly: its log lines are kept, not printed."""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from functools import cache
from typing import Any

import llama_cpp.llama_cpp as llama

__all__ = ["accelerator", "build", "llama", "recent_problems", "start"]

_WARN, _ERROR, _CONTINUED = 3, 4, 5  # of ggml.h
_problems: deque[str] = deque(maxlen=20)
_last_level = threading.local()


@llama.llama_log_callback  # type: ignore[untyped-decorator]  # ctypes' own
def _on_log(level: int, text: bytes, _user_data: Any) -> None:
    if level == _CONTINUED:
        level = getattr(_last_level, "value", 0)
    _last_level.value = level
    if level in (_WARN, _ERROR):
        line = text.decode("utf-8", "replace").strip()
        if line:
            _problems.append(line)


@cache
def start() -> None:
    """Silence llama.cpp and start its backends. Calling it again does nothing."""
    llama.llama_log_set(_on_log, ctypes.c_void_p(0))
    llama.llama_backend_init()


def recent_problems(*, clear: bool = False) -> list[str]:
    """The last warnings and errors llama.cpp logged, oldest first."""
    lines = list(_problems)
    if clear:
        _problems.clear()
    return lines


def accelerator() -> str | None:
    """What llama.cpp can offload layers to ("CUDA", "Metal", …); None for a CPU-only build."""
    start()
    if not llama.llama_supports_gpu_offload():
        return None
    known = ("CUDA", "Metal", "Vulkan", "ROCm", "HIP", "SYCL", "CANN", "MUSA", "OpenCL")
    info = build()
    return next((name for name in known if name.lower() in info.lower()), "GPU")


def build() -> str:
    """llama.cpp's own line on how it was built: backends and CPU features."""
    start()
    info: bytes = llama.llama_print_system_info()
    return info.decode("utf-8", "replace").strip()
