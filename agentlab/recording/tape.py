"""Recording and replay at the boundary."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from agentlab.boundary import Call, Handler, enclosing
from agentlab.errors import AgentLabError, Diverged, EffectRefused, RunError
from agentlab.recording.codec import encode
from agentlab.recording.compare import answer_change, essence
from agentlab.recording.drift import Drift
from agentlab.recording.failures import read_error, write_error
from agentlab.recording.likelihood import LikelihoodHook, Likelihoods
from agentlab.recording.messages import CallIds
from agentlab.recording.ordering import Lane, current_lane, ordered
from agentlab.recording.playback import Outcome, Playback
from agentlab.recording.replies import read_result, read_stream, write_result
from agentlab.recording.requests import Reader, has_effects
from agentlab.recording.secrets import Scrubber
from agentlab.recording.steps import Recording, Request, Step
from agentlab.recording.streams import StreamWriter

Mode = Literal["none", "once", "new", "all", "verify"]


@dataclass(slots=True)
class _Plan:
    """What becomes of one call: answered by ``step``, or made (and compared with ``step``)."""

    request: Request
    ids: CallIds
    index: int | None = None
    live: bool = True
    lane: Lane = (0, 0)
    place: int = 0
    began: float = field(default_factory=time.perf_counter)


class Tape(Handler):
    """Answers calls from a recording, or makes and records them.

    ``recording`` is the one to play, None to record all. After the first divergence a tape in mode
    ``none`` answers nothing any more: every further call raises the same error.
    """

    def __init__(
        self,
        recording: Recording | None,
        *,
        mode: Mode = "none",
        scrubber: Scrubber | None = None,
        live_tools: Collection[str] = (),
        allow_effects: bool = False,
        likelihood: LikelihoodHook | None = None,
    ) -> None:
        self.mode: Mode = mode
        self.drift: Drift | None = None
        self.mismatches: list[Drift] = []
        self.scrubber = scrubber or Scrubber()
        self.meta: dict[str, Any] = {}
        self.live_calls = 0
        self.seconds = 0.0
        self._reader = Reader(self.scrubber)
        self._playback = Playback(recording) if recording is not None else None
        if recording is not None and mode == "none":  # nothing of this run is written
            messages = [one for step in recording.steps for one in step.request.messages]
            self._reader.normaliser.know(dict(messages).items())
        self._live_tools = frozenset(live_tools)
        self._allow_effects = allow_effects
        self.likelihoods = Likelihoods(likelihood)
        self._lock = threading.RLock()
        self._home = current_lane()
        self._steps: list[tuple[Lane, Step] | None] = []
        self.fatal: AgentLabError | None = None
        self._raised: list[BaseException] = []

    # What came of it

    @property
    def replayed_calls(self) -> int:
        """How many calls the recording answered."""
        return len(self._playback.used) if self._playback is not None else 0

    @property
    def steps(self) -> list[Step]:
        """The calls of this run so far, in order."""
        return ordered([entry for entry in self._steps if entry is not None], self._home)

    @property
    def made(self) -> int:
        """How many calls there are in :attr:`steps`."""
        return sum(entry is not None for entry in self._steps)

    def outcomes(self) -> list[Outcome]:
        """What became of every step, in the recording's order: the same for every replay."""
        if self._playback is None:
            return [Outcome.of(i, s, "recorded") for i, s in enumerate(self.steps, 1)]
        return self._playback.outcomes(self.drift)

    @property
    def changed(self) -> bool:
        """Whether this run is another one than the recording it was given."""
        return self._playback is None or bool(
            self.live_calls or self._playback.first_unused is not None
        )

    def recording(self) -> Recording:
        """What was recorded, or replayed and then recorded."""
        return Recording(self.steps, self.meta)

    def raised(self, error: BaseException | None) -> bool:
        """Whether ``error`` comes from a recorded call, itself or as a cause."""
        while error is not None:
            if any(error is known for known in self._raised):
                return True
            error = error.__cause__ or error.__context__
        return False

    def finish(self) -> None:
        """Say that the run is over.

        Raises:
            Diverged: it made another call than its recording, or left one out. The error of a call
                may have been caught by the code under test; it comes again here.
            EffectRefused: a tool with side effects was refused in this run.
        """
        if self.fatal is not None:
            raise self.fatal
        if self._playback is not None and self.drift is None and self.mode != "new":
            self.drift = self._playback.left_out()
            if self.drift is not None:
                self._fail(self.drift)
        if self.mismatches:
            self.drift = self.drift or self.mismatches[0]
            self._fail(self.mismatches[0])

    # The boundary

    def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
        """See :class:`~agentlab.boundary.Handler`."""
        if not self._takes(call):
            return self._untouched(call, proceed)
        plan = self._plan(call)
        if not plan.live:
            return self._answer(call, plan)
        try:
            result = proceed()
        except Exception as error:  # noqa: BLE001 (recorded, and raised again)
            return self._failed(call, plan, error)
        return self._done(call, plan, result)

    async def acall(self, call: Call, proceed: Callable[[], Awaitable[Any]]) -> Any:
        """See :class:`~agentlab.boundary.Handler`."""
        if not self._takes(call):
            if call.method == "sleep" and self._playback is not None and self._is_replaying():
                return self._untouched(call, lambda: None)
            return await proceed()
        plan = self._plan(call)
        if not plan.live:
            return self._answer(call, plan)
        try:
            result = await proceed()
        except Exception as error:  # noqa: BLE001 (recorded, and raised again)
            return self._failed(call, plan, error)
        return self._done(call, plan, result)

    def stream(self, call: Call, proceed: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """See :class:`~agentlab.boundary.Handler`."""
        if not self._takes(call):
            yield from proceed()
            return
        plan = self._plan(call)
        if plan.live:
            with self._taking(call, plan) as taken:
                for chunk in proceed():
                    taken.add(chunk)
                    if plan.index is None:
                        yield chunk
            if plan.index is None:
                return
        yield from self._chunks(call, plan)

    async def astream(
        self, call: Call, proceed: Callable[[], AsyncIterator[Any]]
    ) -> AsyncIterator[Any]:
        """See :class:`~agentlab.boundary.Handler`."""
        if not self._takes(call):
            async for chunk in proceed():
                yield chunk
            return
        plan = self._plan(call)
        if plan.live:
            with self._taking(call, plan) as taken:
                async for chunk in proceed():
                    taken.add(chunk)
                    if plan.index is None:
                        yield chunk
            if plan.index is None:
                return
        for chunk in self._chunks(call, plan):
            yield chunk

    def _takes(self, call: Call) -> bool:
        """Not the inside of a call that is recorded as a whole, nor tools that run for real."""
        return self._counts(call) and not any(self._counts(outer) for outer in enclosing())

    def _counts(self, call: Call) -> bool:
        if call.kind == "tool":
            return getattr(call.target, "name", None) not in self._live_tools
        return call.kind != "clock" or call.method not in ("monotonic", "sleep")

    def _is_replaying(self) -> bool:
        return self._playback is not None and self.mode != "verify" and self.drift is None

    def _untouched(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if call.kind == "clock" and self._is_replaying():
            if call.method == "monotonic":
                return self.seconds
            if call.method == "sleep":
                self.seconds += call.arguments["seconds"]
                return None
        return proceed()

    # Deciding

    def _plan(self, call: Call) -> _Plan:
        request, ids = self._reader.read(call)
        with self._lock:
            if self.fatal is not None:
                raise self.fatal
            plan = _Plan(request, ids, lane=current_lane(), place=len(self._steps))
            if self._playback is not None and self._may_replay(request):
                plan.index = self._playback.take(request)
            if plan.index is None and self._playback is not None:
                self._miss(call, request)
            effects = has_effects(call)
            if self.mode == "verify":
                plan.live = not effects and call.kind != "clock"
            else:
                plan.live = plan.index is None
            if plan.live and effects and self.mode == "new" and not self._allow_effects:
                self._refuse(call)
            self._steps.append(None)
            if plan.live:
                self.live_calls += 1
                self._note(call)
            return plan

    def _may_replay(self, request: Request) -> bool:
        """After a divergence only its own section of parallel branches may still be replayed."""
        if self.drift is None or self._playback is None:
            return True
        group = self._playback.steps[self.drift.step - 1].group if self._has_step() else 0
        waiting = [s for s in self._playback.steps if s.request.key == request.key]
        return bool(group) and any(step.group == group for step in waiting)

    def _has_step(self) -> bool:
        assert self._playback is not None
        return self.drift is not None and self.drift.step <= len(self._playback.steps)

    def _miss(self, call: Call, request: Request) -> None:
        assert self._playback is not None
        if self.drift is not None:
            return
        drift = self._playback.missed(request)
        if drift.step <= len(self._playback.steps):
            drift = self.likelihoods.told(call, self._playback.steps[drift.step - 1], drift)
        self.drift = drift
        if self.mode != "new":
            self._fail(drift)

    def _fail(self, drift: Drift) -> None:
        self.fatal = Diverged(
            f"the run is not the recorded one: {drift.what} at {drift}",
            drift=drift,
            hint="record from there (mode 'new', --record new), or undo the change",
        )
        raise self.fatal

    def _refuse(self, call: Call) -> None:
        self.fatal = EffectRefused(
            f"the tool {call.target.name!r} has side effects and would run again",
            hint="allow it (allow_effects=True), or record everything (mode 'all', --record all)",
        )
        raise self.fatal

    def _note(self, call: Call) -> None:
        """Provenance of a model: build, threads and the like. Never compared."""
        known = getattr(call.target, "provenance", None)
        if call.kind == "model" and isinstance(known, dict) and "model" not in self.meta:
            self.meta["model"] = self.scrubber.value(encode(known, "provenance"))

    # Answering

    def _answer(self, call: Call, plan: _Plan) -> Any:
        step = self._replayed(plan)
        if step.error is not None:
            raise self._recorded_error(step)
        if step.closed:
            raise self._cut_short(step)
        return read_result(call, step)

    def _chunks(self, call: Call, plan: _Plan) -> Iterator[Any]:
        step = self._replayed(plan)
        if step.reply is not None:
            yield from read_stream(call, step)
        if step.error is not None:
            raise self._recorded_error(step)
        if step.closed:
            raise self._cut_short(step)

    def _replayed(self, plan: _Plan) -> Step:
        assert self._playback is not None
        assert plan.index is not None
        step = self._playback.steps[plan.index]
        with self._lock:
            self.seconds += step.latency
            self._steps[plan.place] = (plan.lane, step)
        return step

    def _recorded_error(self, step: Step) -> Exception:
        assert step.error is not None
        error = read_error(step.error)
        self._raised.append(error)
        return error

    def _cut_short(self, step: Step) -> RunError:
        error = RunError(
            f"the recorded stream of {step.target} goes no further: its reader stopped there",
            hint="record it again and read to the end",
        )
        self._raised.append(error)
        return error

    # Recording

    @contextmanager
    def _taking(self, call: Call, plan: _Plan) -> Iterator[StreamWriter]:
        """Record a stream when it ends, however it ends."""
        writer = StreamWriter(call)
        try:
            yield writer
        except Exception as error:
            step = writer.step(plan.request, plan.ids, self.scrubber)
            step.error = write_error(error, self.scrubber)
            self._record(call, plan, step)
            if plan.index is None:
                self._raised.append(error)
                raise
        except BaseException:
            step = writer.step(plan.request, plan.ids, self.scrubber)
            step.closed = True
            self._record(call, plan, step)
            raise
        else:
            self._record(call, plan, writer.step(plan.request, plan.ids, self.scrubber))

    def _done(self, call: Call, plan: _Plan, result: Any) -> Any:
        reply, usage = write_result(call, result, plan.ids, self.scrubber)
        self._record(call, plan, Step(plan.request, reply=reply, usage=usage))
        return result if plan.index is None else self._answer(call, plan)

    def _failed(self, call: Call, plan: _Plan, error: Exception) -> Any:
        if self.fatal is not None and error is self.fatal:
            raise error
        self._record(call, plan, Step(plan.request, error=write_error(error, self.scrubber)))
        if plan.index is not None:
            return self._answer(call, plan)
        self._raised.append(error)
        raise error

    def _record(self, call: Call, plan: _Plan, step: Step) -> None:
        step.latency = time.perf_counter() - plan.began
        with self._lock:
            if plan.index is not None:
                self._compare(plan.index, step)
                return
            self.seconds += step.latency
            self._steps[plan.place] = (plan.lane, step)
            self.likelihoods.note(call, step)

    def _compare(self, index: int, step: Step) -> None:
        assert self._playback is not None
        old = self._playback.steps[index]
        if essence(old) == essence(step):
            return
        total = len(self._playback.steps)
        change = answer_change(old, step)
        self.mismatches.append(Drift(index + 1, total, old.kind, old.target, (change,)))
