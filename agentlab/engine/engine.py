"""The engine: a thread that owns a context and serves requests one after the other.

Requests may come from any thread or event loop. Each gets its own queue of pieces, so a slow reader
holds nobody up, and a reader that stops reading stops its request within a token.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentlab import cancellation
from agentlab.engine.context import Context, ContextOptions
from agentlab.engine.decoding import Piece, Request, decode
from agentlab.engine.weights import LoadOptions, Weights, load_weights
from agentlab.errors import TurnCancelled

_END = object()


@dataclass(frozen=True, slots=True)
class Score:
    """How likely given tokens are: one entry a token, natural log-probabilities."""

    logprobs: tuple[float, ...]
    likeliest: tuple[int, ...]  # the token the model would have taken at temperature 0


class _Job:
    """A piece of work for the engine's thread: what it yields goes to ``put``, then ``_END``."""

    def __init__(self, work: Callable[[Context], Iterator[Any]], put: Callable[[Any], Any]) -> None:
        self.work = work
        self.put = put
        self.cancelled = False


class _Worker:
    """What the thread holds. Not the Engine itself, which may then be collected."""

    def __init__(self, weights: Weights, options: ContextOptions) -> None:
        self.context = Context(weights, options)
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.running: _Job | None = None

    def cancel(self, job: _Job) -> None:
        with self.lock:
            job.cancelled = True
            if self.running is job:
                self.context.abort()

    def serve(self) -> None:
        while (job := self.jobs.get()) is not None:
            self._run(job)
        self.context.close()

    def _run(self, job: _Job) -> None:
        with self.lock:
            if job.cancelled:
                return
            self.context.clear_abort()
            self.running = job
        try:
            for piece in job.work(self.context):
                if job.cancelled:
                    return
                job.put(piece)
            job.put(_END)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
            job.put(error)
        finally:
            with self.lock:
                self.running = None


class Engine:
    """A loaded model that answers requests in turn. Get it by :func:`open_engine`.

    The same request gives the same tokens, whatever was asked before and from however many
    threads: requests never share a batch, and prompts are read in pieces at fixed positions.
    """

    def __init__(self, weights: Weights, options: ContextOptions) -> None:
        self.weights = weights
        worker = self._worker = _Worker(weights, options)
        self.n_ctx = worker.context.n_ctx
        self._thread = threading.Thread(target=worker.serve, name="agentlab-engine", daemon=True)
        self._thread.start()
        self._stop = weakref.finalize(self, worker.jobs.put, None)
        self._stop.atexit = False  # _stop_all does it, in the right order
        _open.add(self)

    def generate(self, request: Request) -> Generator[Piece, None, None]:
        """Decode ``request``. Closing the iterator stops it within a token.

        Raises:
            ContextOverflow: the prompt does not fit.
            TurnCancelled: the scope in force was cancelled.
        """
        return self._results(lambda context: decode(context, request))

    def agenerate(self, request: Request) -> AsyncGenerator[Piece, None]:
        """:meth:`generate` for event loops. A cancelled task stops it too."""
        return self._aresults(lambda context: decode(context, request))

    def score(self, prompt: Sequence[int], answer: Sequence[int]) -> Score:
        """How likely ``answer`` is after ``prompt`` (at least one token), in one pass."""

        def work(context: Context) -> Iterator[Score]:
            tokens = [*prompt, *answer]
            table = context.log_probabilities(tokens, len(prompt))
            given = table[np.arange(len(answer)), np.asarray(answer, dtype=np.int64)]
            yield Score(tuple(map(float, given)), tuple(map(int, table.argmax(axis=1))))

        if not answer:
            return Score((), ())
        scores: list[Score] = list(self._results(work))
        return scores[0]

    def __deepcopy__(self, _memo: object) -> Engine:
        return self

    def close(self) -> None:
        """Stop the thread and free the context."""
        worker = self._worker
        with worker.lock:
            if worker.running is not None:
                worker.running.cancelled = True
                worker.context.abort()
        self._stop()
        self._thread.join(timeout=5)

    def _results(self, work: Callable[[Context], Iterator[Any]]) -> Generator[Any, None, None]:
        results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        job = _Job(work, results.put)
        with ExitStack() as stack:
            stack.callback(self._worker.cancel, job)
            scope = cancellation.current()
            if scope is not None:
                stack.enter_context(scope.listening(lambda: results.put(TurnCancelled())))
            self._worker.jobs.put(job)
            while (result := results.get()) is not _END:
                if isinstance(result, BaseException):
                    raise result
                yield result

    async def _aresults(
        self, work: Callable[[Context], Iterator[Any]]
    ) -> AsyncGenerator[Any, None]:
        loop = asyncio.get_running_loop()
        results: asyncio.Queue[Any] = asyncio.Queue()

        def put(result: Any) -> None:
            # A loop that was closed meanwhile has nobody left to tell.
            if not loop.is_closed():
                loop.call_soon_threadsafe(results.put_nowait, result)

        job = _Job(work, put)
        with ExitStack() as stack:
            stack.callback(self._worker.cancel, job)
            scope = cancellation.current()
            if scope is not None:
                stack.enter_context(scope.listening(lambda: put(TurnCancelled())))
            self._worker.jobs.put(job)
            while (result := await results.get()) is not _END:
                if isinstance(result, BaseException):
                    raise result
                yield result


_open: weakref.WeakSet[Engine] = weakref.WeakSet()
_engines: weakref.WeakValueDictionary[tuple[object, ...], Engine] = weakref.WeakValueDictionary()
_latest: list[Engine] = []  # kept alive, so that load_model in a loop does not load anew
_lock = threading.Lock()


def open_engine(path: Path, load: LoadOptions, options: ContextOptions) -> Engine:
    """The engine of ``path`` with these options: one a process, made when first asked for.

    Raises:
        ModelFileError: llama.cpp refuses the file.
        ModelError: there is no room for the context.
    """
    with _lock:
        weights = load_weights(path, load)
        key = (os.getpid(), id(weights), options)
        engine = _engines.get(key)
        if engine is None:
            engine = _engines[key] = Engine(weights, options)
        _latest[:] = [engine]
        return engine


@atexit.register
def _stop_all() -> None:
    """Threads must not be inside llama.cpp while its memory is torn down."""
    for engine in list(_open):
        engine.close()


def _after_fork() -> None:
    """Threads do not survive a fork: the child opens its own engines."""
    global _lock
    _lock = threading.Lock()
    _latest.clear()
    _engines.clear()
    _open.clear()


os.register_at_fork(after_in_child=_after_fork)
