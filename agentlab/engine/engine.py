"""The engine: a thread that owns a context and serves requests, one at a time, by turns.

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
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab import cancellation
from agentlab.engine.batching import Batch
from agentlab.engine.context import Context
from agentlab.engine.decoding import Piece, Request, decode
from agentlab.engine.kept import Kept, KeptTotals
from agentlab.engine.loading import interruptible
from agentlab.engine.options import ContextOptions
from agentlab.engine.saving import read_sequence, write_sequence
from agentlab.engine.slots import SlotTotals
from agentlab.engine.turns import END, Job, Line, Turn, Work
from agentlab.engine.weights import LoadOptions, Weights, find_weights, free_all, load_weights
from agentlab.errors import CorruptStore, ModelError, TurnCancelled

_PATIENCE = 5.0  # seconds for a thread to end: an evaluation stops within one operation


@dataclass(frozen=True, slots=True)
class Score:
    """How likely given tokens are: one entry a token, natural log-probabilities."""

    logprobs: tuple[float, ...]
    likeliest: tuple[int, ...]  # the token the model would have taken at temperature 0


class _Worker:
    """What the thread holds. Not the Engine itself, which may then be collected."""

    def __init__(self, weights: Weights, options: ContextOptions) -> None:
        self.context = Context(weights, options)
        self.line = Line()
        self.batch = Batch(self.context, options.parallel) if self.context.parallel else None
        # Reentrant: the collector may close an abandoned stream while this thread holds it.
        self.lock = threading.RLock()
        self.news: queue.SimpleQueue[None] = queue.SimpleQueue()  # a job came, or the end
        self.running: Job | None = None
        self.closed = False
        self.silent = False
        self.process = os.getpid()
        self.thread = threading.Thread(target=self._serve, name="agentlab-engine", daemon=True)
        self.thread.start()

    def submit(self, job: Job) -> None:
        if self.process != os.getpid():
            raise ModelError("this engine belongs to the process that this one was forked from")
        with self.lock:
            if self.closed:
                raise ModelError("this engine is closed")
            self.line.add(job)
        self.news.put(None)

    def cancel(self, job: Job) -> None:
        if self.process != os.getpid():  # the lock may be held by a thread that is not here
            return
        with self.lock:
            job.cancelled = True
            if self.running is job:
                self.context.abort()
            else:
                job.suspended = None

    def close(self, *, silent: bool = False) -> None:
        """End the thread, and with it every job; whoever waits for one gets TurnCancelled.

        ``silent``: they get nothing, since the process ends, and would only print it.
        """
        if self.process != os.getpid():
            return
        with self.lock:
            self.closed = True
            self.silent = silent
            if self.running is not None:
                self.running.cancelled = True
            if self.running is not None or self.batch:
                self.context.abort()
        self.news.put(None)

    def _serve(self) -> None:
        while True:
            self.news.get()
            while self._work():
                pass
            if self.closed:
                break
        if self.batch is not None:
            self.batch.close()
        self.context.close()

    def _work(self) -> bool:
        """Do one thing that is to be done; False where there is nothing."""
        job = self._next()
        if job is not None and (self.batch is None or job.request is None):
            self._run(job)
            return True
        if self.batch is None:
            return False
        if job is not None:
            self.batch.add(job)
        elif not self.batch:
            return False
        else:
            self._step(self.batch)
        return True

    def _step(self, batch: Batch) -> None:
        """Decode on, all requests that are at work together."""
        self.context.clear_abort()
        try:
            batch.step()
        except BaseException as error:  # noqa: BLE001 - it belongs to all of them
            for job in batch.clear():
                self._refuse(job, error)

    def _next(self) -> Job | None:
        with self.lock:
            if self.closed:
                for job in (*self.line.clear(), *(self.batch.clear() if self.batch else ())):
                    self._refuse(job, TurnCancelled())
            return self.line.next(alone_only=self.batch is not None and self.batch.full)

    def _run(self, job: Job) -> None:
        """Work at ``job`` until it ends or gives way."""
        with self.lock:
            if job.cancelled or self.closed:
                self._refuse(job, TurnCancelled())
                return
            self.context.clear_abort()
            self.running = job
        turn = Turn()
        try:
            if job.suspended is not None:
                self.context.resume(job.suspended)
                job.suspended = None
            if job.steps is None:
                job.steps = job.work(self.context)
            for piece in job.steps:
                if job.cancelled:
                    raise TurnCancelled
                if piece is not None:
                    job.put(piece)
                if turn.over and self._gives_way(job):
                    return
            job.put(END)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
            self._refuse(job, error)
        finally:
            with self.lock:
                self.running = None

    def _gives_way(self, job: Job) -> bool:
        with self.lock:
            if not self.line or self.batch is not None:  # there a copy may find no room
                return False
            room = self.context.shelf.limit - self.line.suspended_bytes
        job.suspended = self.context.suspend(room)
        if job.suspended is None:
            return False
        with self.lock:
            self.line.add(job)
        return True

    def _refuse(self, job: Job, error: BaseException) -> None:
        job.steps = job.suspended = None
        if not self.silent:
            job.put(error)


class Engine:
    """A loaded model that answers requests in turn. Get it by :func:`open_engine`.

    The same request gives the same tokens, whatever was asked before and from however many
    threads: requests never share a batch, and prompts are read in pieces at fixed positions. With
    ``ContextOptions.parallel`` over 1 that is given up: they are decoded together.
    """

    def __init__(self, weights: Weights, options: ContextOptions) -> None:
        self.weights = weights
        worker = self._worker = _Worker(weights, options)
        self.n_ctx = worker.context.n_ctx
        self._stop = weakref.finalize(self, worker.close)
        self._stop.atexit = False  # _close_all does it, in the right order
        _workers.add(worker)

    def generate(self, request: Request) -> Generator[Piece, None, None]:
        """Decode ``request``. Closing the iterator stops it within a token.

        Raises:
            ContextOverflow: the prompt does not fit.
            TurnCancelled: the scope in force was cancelled.
        """
        return self._results(lambda context: decode(context, request), request)

    def agenerate(self, request: Request) -> AsyncGenerator[Piece, None]:
        """:meth:`generate` for event loops. A cancelled task stops it too."""
        return self._aresults(lambda context: decode(context, request), request)

    def score(self, prompt: Sequence[int], answer: Sequence[int]) -> Score:
        """How likely ``answer`` is after ``prompt`` (at least one token), in one pass."""

        def work(context: Context) -> Iterator[Score]:
            rows = context.log_probabilities([*prompt, *answer], len(prompt))
            found = [
                (float(row[token]), int(row.argmax()))
                for token, row in zip(answer, rows, strict=True)
            ]
            yield Score(tuple(p for p, _ in found), tuple(best for _, best in found))

        if not answer:
            return Score((), ())
        scores: list[Score] = list(self._results(work))
        return scores[0]

    def save(self, path: Path, prompt: Sequence[int], key: Mapping[str, Any]) -> None:
        """Write to ``path`` what the model has read of ``prompt``; it is read now if it was not.

        ``key`` says what the file belongs to: with another one :meth:`load` refuses it.

        Raises:
            ContextOverflow: the prompt does not fit.
            ModelError: the model's state cannot be copied.
            OSError: it cannot be written.
        """

        def work(context: Context) -> Iterator[Kept | None]:
            yield from context.read(prompt)
            yield context.snapshot()

        found: list[Kept | None] = list(self._results(work))
        if found[0] is None:
            raise ModelError("llama.cpp cannot copy what this model has read")
        write_sequence(path, found[0], key)

    def load(self, path: Path, key: Mapping[str, Any]) -> int:
        """Take up what :meth:`save` wrote: prompts that begin like that one begin there.

        Returns:
            How many tokens it was.

        Raises:
            CorruptStore: the file is damaged, or belongs to another ``key``.
            OSError: it cannot be read.
        """
        kept = read_sequence(path, key)

        def work(context: Context) -> Iterator[bool]:
            yield context.adopt(kept)

        if list(self._results(work)) != [True]:
            raise CorruptStore(
                f"llama.cpp does not take back what is in {str(path)!r}",
                hint="delete it: the prompt is then read anew",
            )
        return len(kept.tokens)

    @property
    def kept(self) -> KeptTotals:
        """What of earlier prompts is set aside in host memory, besides the context's own."""
        return self._worker.context.shelf.totals

    @property
    def shared(self) -> SlotTotals | None:
        """What the cache of requests decoded together holds; None where they take turns."""
        return self._worker.batch.totals if self._worker.batch is not None else None

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called: it answers nothing any more."""
        return self._worker.closed

    def __deepcopy__(self, _memo: object) -> Engine:
        return self

    def close(self) -> None:
        """Stop the thread and free the context. A request in progress ends in TurnCancelled."""
        self._stop()
        self._worker.thread.join(timeout=_PATIENCE)

    def _results(self, work: Work, request: Request | None = None) -> Generator[Any, None, None]:
        results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        job = Job(work, results.put, request)
        with ExitStack() as stack:
            stack.callback(self._worker.cancel, job)
            scope = cancellation.current()
            if scope is not None:
                stack.enter_context(scope.listening(lambda: results.put(TurnCancelled())))
            self._worker.submit(job)
            while (result := results.get()) is not END:
                if isinstance(result, BaseException):
                    raise result
                yield result

    async def _aresults(
        self, work: Work, request: Request | None = None
    ) -> AsyncGenerator[Any, None]:
        loop = asyncio.get_running_loop()
        results: asyncio.Queue[Any] = asyncio.Queue()

        def put(result: Any) -> None:
            with suppress(RuntimeError):  # a loop that was closed has nobody left to tell
                loop.call_soon_threadsafe(results.put_nowait, result)

        job = Job(work, put, request)
        with ExitStack() as stack:
            stack.callback(self._worker.cancel, job)
            scope = cancellation.current()
            if scope is not None:
                stack.enter_context(scope.listening(lambda: put(TurnCancelled())))
            self._worker.submit(job)
            while (result := await results.get()) is not END:
                if isinstance(result, BaseException):
                    raise result
                yield result


_workers: weakref.WeakSet[_Worker] = weakref.WeakSet()  # each until its thread has ended
_engines: weakref.WeakValueDictionary[tuple[object, ...], Engine] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def open_engine(path: Path, load: LoadOptions, options: ContextOptions) -> Engine:
    """The engine of ``path`` with these options: one a process, made when first asked for.

    Raises:
        ModelFileError: llama.cpp refuses the file.
        ModelError: there is no room for the context.
        TurnCancelled: the scope in force was cancelled while the file was read.
    """
    with _lock:
        engine = _open_now(path, load, options)
        if engine is None:
            engine = interruptible(lambda stop: Engine(load_weights(path, load, stop), options))
            _engines[id(engine.weights), options] = engine
        return engine


def find_engine(path: Path, load: LoadOptions, options: ContextOptions) -> Engine | None:
    """The engine of ``path`` with these options, if there is one now."""
    with _lock:
        return _open_now(path, load, options)


def _open_now(path: Path, load: LoadOptions, options: ContextOptions) -> Engine | None:
    weights = find_weights(path, load)
    engine = None if weights is None else _engines.get((id(weights), options))
    return None if engine is None or engine.closed else engine


@atexit.register
def _close_all() -> None:
    """Threads must not be inside llama.cpp while its memory is torn down."""
    workers = list(_workers)
    for worker in workers:
        worker.close(silent=True)
    for worker in workers:
        worker.thread.join(timeout=_PATIENCE)
    if not any(worker.thread.is_alive() for worker in workers):
        free_all()


def _after_fork() -> None:
    """Threads do not survive a fork: the child opens its own engines."""
    global _engines, _lock, _workers
    _engines = weakref.WeakValueDictionary()
    _lock = threading.Lock()
    _workers = weakref.WeakSet()


os.register_at_fork(after_in_child=_after_fork)
