"""Set up .venv from uv.lock, saying what takes its time. Standard library only; `make install`.

llama.cpp is compiled from source, cut to the part that AgentLab uses. uv keeps the compiled wheel
in its cache, one a set of build flags, so it happens once a machine.

CMAKE_ARGS="-DGGML_CUDA=on" adds build flags. They are remembered: later runs without CMAKE_ARGS
keep them, CMAKE_ARGS="" drops them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "agentlab-install.json"
LOG = ROOT / "build" / "install.log"
TOOLS = ROOT / ".venv-tools"
LLAMA = "llama-cpp-python"


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036
        return fail(
            f"Python 3.11 or later is needed, this is {sys.version.split()[0]}",
            "name another one: make PYTHON=python3.12 …",
        )
    flags = wanted_flags()
    state = {"flags": flags, "inputs": digest_of_inputs()}
    if read_stamp() == state:
        return 0
    uv = find_uv()
    if not uv:
        return fail(
            "uv is missing and could not be installed",
            "install it (https://docs.astral.sh/uv/), or: apt-get install python3-venv",
        )
    if code := sync(uv, flags):
        return code
    STAMP.write_text(json.dumps(state))
    return 0


def wanted_flags() -> str:
    """CMAKE_ARGS where it is set, else those of the last install."""
    given = os.environ.get("CMAKE_ARGS")
    if given is not None:
        return " ".join(given.split())
    return str(read_stamp().get("flags", ""))


def read_stamp() -> dict[str, object]:
    try:
        found = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def digest_of_inputs() -> str:
    digest = hashlib.sha256()
    for path in (ROOT / "pyproject.toml", ROOT / "uv.lock", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def find_uv() -> str | None:
    """A uv that runs: on the PATH, or our own copy in .venv-tools, made if need be."""
    own = TOOLS / "bin" / "uv"
    for candidate in (shutil.which("uv"), str(own)):
        if candidate and Path(candidate).exists():
            works = subprocess.run([candidate, "--version"], capture_output=True, check=False)
            if works.returncode == 0:
                return candidate
    say("uv was not found: getting a copy of it into .venv-tools")
    try:
        venv.create(TOOLS, with_pip=True, clear=True)
        pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv>=0.8"]
        subprocess.run(pip, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return str(own) if own.exists() else None


def sync(uv: str, flags: str) -> int:
    command = [uv, "sync", "--frozen", "--all-extras", "--verbose"]
    if flags:
        # As a build setting, not only a variable: uv's cache tells builds apart by their settings.
        joined = ";".join(shlex.split(flags))
        command += ["--config-settings-package", f"{LLAMA}:cmake.args={joined}"]
    # What does not change the result stays out of the settings, or each clone would compile anew.
    include = ROOT / "build-support" / "llama-only.cmake"
    environment = {
        **os.environ,
        "CMAKE_ARGS": f"-DCMAKE_PROJECT_llama_cpp_INCLUDE={include}",
        "SKBUILD_BUILD_TARGETS": "llama",
        "UV_PROJECT_ENVIRONMENT": str(VENV),
    }
    environment.pop("VIRTUAL_ENV", None)
    compiler = has_compiler()
    if not compiler:
        say("no C++ compiler was found: this works only if llama.cpp was compiled here before")
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            code = watch(process)
        except KeyboardInterrupt:
            process.wait()
            return 130
    if code == 0:
        return 0
    for line in LOG.read_text(errors="replace").splitlines()[-30:]:
        print(line, file=sys.stderr)
    hint = f"the whole log is {LOG.relative_to(ROOT)}"
    if not compiler:
        hint = "install a C and C++ compiler, e.g. apt-get install build-essential; " + hint
    return fail("the installation failed", hint)


def has_compiler() -> bool:
    named = os.environ.get("CXX")
    names = [named] if named else ["c++", "g++", "clang++"]
    return any(shutil.which(name) for name in names)


def watch(process: subprocess.Popen[bytes]) -> int:
    """Show what ``process`` is doing until it ends: one moving line, or one every 20 s in a log."""
    start = time.monotonic()
    terminal = sys.stderr.isatty()
    told, next_line = "", 0.0
    while True:
        try:
            code = process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            code = None
        seconds = time.monotonic() - start
        stage, detail = progress()
        clock = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
        if code is not None:
            last = f"  installed in {clock}" if code == 0 else f"  stopped after {clock}"
            print(("\r\033[K" if terminal else "") + last, file=sys.stderr, flush=True)
            return code
        if terminal:
            print(f"\r\033[K  {stage}{detail}  {clock}", end="", file=sys.stderr, flush=True)
        elif stage != told or seconds >= next_line:
            say(f"{stage}{detail}  {clock}")
            told, next_line = stage, seconds + 20


def progress() -> tuple[str, str]:
    """What uv's log tells: the stage, and how far it is."""
    text = LOG.read_text(errors="replace")
    compiling = re.search(r"Building +llama-cpp-python", text)
    if not compiling or "Built llama-cpp-python" in text:
        return "installing the packages of uv.lock", ""
    stage = "compiling llama.cpp (once; about 3 minutes on 2 cores)"
    steps = re.findall(r"\[(\d+)/(\d+)\]", text[compiling.start() :])
    return (stage, f", step {steps[-1][0]} of {steps[-1][1]}") if steps else (stage, "")


def say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def fail(message: str, hint: str = "") -> int:
    print(f"error: {message}" + (f"\nhint: {hint}" if hint else ""), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
