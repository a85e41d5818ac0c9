"""The engine and its process: forks, the end, silence, memory given back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from agentlab.engine import ContextOptions, LoadOptions, open_engine

pytestmark = pytest.mark.model

ROOT = Path(__file__).parent.parent.parent
Script = Callable[..., subprocess.CompletedProcess[str]]

MODEL = """
import os, sys, signal, threading, time
from agentlab.models import load_model
model = load_model("smollm2", temperature=0, seed=7, max_tokens=4, n_ctx=512)
"""


def test_llama_cpp_prints_nothing(script: Script) -> None:
    done = script(MODEL + "model.invoke('Hi'); model.bind(grammar='root ::= \"a\"').invoke('Hi')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_forked_child_answers_too(script: Script) -> None:
    done = script(
        MODEL
        + """
before = model.invoke("Hi").content
stream = model.stream("Hello", max_tokens=300)
next(stream)
child = os.fork()  # while the parent's thread is decoding
if child == 0:
    print("child" if model.invoke("Hi").content == before else "other", flush=True)
    del stream
    sys.exit(0)
_, status = os.waitpid(child, 0)
stream.close()
print(os.waitstatus_to_exitcode(status), model.invoke("Hi").content == before)
"""
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["child", "0", "True"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(tmp_path: Path, method: str) -> None:
    (tmp_path / "job.py").write_text(
        f"""
import multiprocessing, sys
{MODEL}
def answer(text):
    return model.invoke(text).content
if __name__ == "__main__":
    mine = answer("Hi")
    with multiprocessing.get_context({method!r}).Pool(1) as pool:
        print(pool.map(answer, ["Hi", "Hi"]) == [mine, mine])
"""
    )
    done = subprocess.run(
        [sys.executable, str(tmp_path / "job.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "True\n"


ENDINGS = {
    "while it decodes": "stream = model.stream('Hi', max_tokens=300); next(stream)",
    "while another thread waits": """
threading.Thread(target=lambda: model.invoke('Hi', max_tokens=300), daemon=True).start()
time.sleep(0.2)
""",
    "while a prompt is read": """
threading.Thread(target=lambda: model.invoke('a b ' * 200), daemon=True).start()
time.sleep(0.1)
""",
    "after an error": "next(model.stream('Hi', max_tokens=300)); sys.exit(3)",
    "with a finalizer made first": """
import tempfile, weakref
class A: pass
a = A(); weakref.finalize(a, print)
a.stream = model.stream('Hi', max_tokens=300); next(a.stream)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
""",
    "in an event loop": """
import asyncio
async def main():
    task = asyncio.create_task(model.ainvoke('Hi', max_tokens=300))
    await asyncio.sleep(0.1)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_the_process_may_end_at_any_time(script: Script, ending: str) -> None:
    done = script(MODEL + "model.invoke('Hi')\n" + ending)
    assert done.returncode == (3 if "exit(3)" in ending else 0)
    assert (done.stdout, done.stderr) == ("", "")


def test_ctrl_c_while_loading(script: Script) -> None:
    done = script(
        MODEL
        + """
from agentlab.engine import ContextOptions, LoadOptions, open_engine
from agentlab.models.box import find_box_model
signal.signal(signal.SIGALRM, signal.default_int_handler)
stopped = 0
for n in range(20):
    options = LoadOptions(main_gpu=n)  # a copy of its own
    signal.setitimer(signal.ITIMER_REAL, 0.005 * n + 0.001)
    try:
        open_engine(find_box_model(), options, ContextOptions(n_ctx=256)).close()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        stopped += 1
print(stopped > 0, model.invoke("Hi").content != "")
"""
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["True", "True"]


def test_two_contexts_share_one_copy_and_the_last_to_go_frees_it(box: Path) -> None:
    load = LoadOptions(main_gpu=3)  # no other test's copy
    small, large = (open_engine(box, load, ContextOptions(n_ctx=n)) for n in (256, 512))
    assert small.weights is large.weights
    assert open_engine(box, load, ContextOptions(n_ctx=256)) is small
    freed = weakref.ref(small.weights)
    del small
    gc.collect()
    time.sleep(0.1)
    assert freed() is not None
    del large
    gc.collect()
    end = time.monotonic() + 10
    while freed() is not None and time.monotonic() < end:  # by its thread, on its way out
        time.sleep(0.01)
    assert freed() is None
