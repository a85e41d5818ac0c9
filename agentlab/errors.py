"""Every exception AgentLab raises.

::

    AgentLabError                     .hint says what to change
    ├── ConfigError (ValueError)      you wrote something wrong             exit 2
    │   ├── UnknownModel              no such spec, provider or file
    │   ├── MissingKey                a hosted model without its API key
    │   ├── MissingExtra              an optional dependency is not installed
    │   ├── PromptError               a prompt file, or the values given to it
    │   ├── GrammarError              a GBNF grammar or JSON schema that does not compile
    │   ├── ChainError                a chain that is not one
    │   ├── ToolDefinitionError       a tool file that does not define its tool
    │   ├── ScenarioError             a scenario file
    │   └── EvaluationError           judgements, a run, questions or answers to evaluate
    ├── RunError (RuntimeError)       it went wrong while running           exit 1
    │   ├── ModelError                a model could not be loaded or could not answer
    │   │   ├── ModelFileError        not a GGUF file, cut short, or of an unsupported kind
    │   │   ├── ChecksumError         the file is not the one that was pinned
    │   │   ├── ContextOverflow       .needed and .available, in tokens
    │   │   ├── ProviderError         a hosted API said no; .status
    │   │   │   ├── AuthenticationError   401, 403
    │   │   │   ├── RateLimited           429; .retry_after, seconds
    │   │   │   └── Unreachable           no connection, or no answer in time
    │   │   ├── StreamInterrupted     an answer that stopped in the middle; .partial
    │   │   └── InvalidOutput         an answer that is not what its schema asks; .text
    │   ├── StepLimit                 an agent took all the steps it had
    │   ├── BudgetExceeded            calls, tokens or seconds ran out
    │   ├── SessionBusy               somebody else is writing this conversation
    │   ├── Offline                   a model or the network was asked for during replay
    │   ├── EffectRefused             a tool with side effects was asked for outside recording
    │   ├── NotRecordable             a call's result has no place in a recording
    │   ├── RecordedError             an error whose own type cannot be made again; .original
    │   └── StoreError                a stored file cannot be read or written
    │       ├── SecretFound           a recording holds a secret: it was not written
    │       └── CorruptStore          a stored file is damaged
    │           └── NewerFormat       a stored file was written by a later AgentLab
    ├── ScenarioFailed                an expectation was not met            exit 3
    │   └── Diverged                  a run is not the recorded one; .drift
    └── ToolError                     raised in a tool: the model is told, the run goes on
    TurnCancelled (BaseException)     somebody pressed Ctrl-C               exit 130
"""

from __future__ import annotations


class AgentLabError(Exception):
    """The base of all. ``str(error)`` is one sentence; ``error.hint`` says what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(AgentLabError, ValueError):
    """Something written by the user is wrong: a name, a file, a value."""

    exit_code = 2


class UnknownModel(ConfigError):
    """A model spec that names no provider, no known model or no file."""


class MissingKey(ConfigError):
    """A hosted model was asked for and its API key is not set."""


class MissingExtra(ConfigError):
    """An optional dependency is not installed."""


class PromptError(ConfigError):
    """A prompt file is wrong, or a value it needs was not given."""


class GrammarError(ConfigError):
    """A GBNF grammar or a JSON schema does not compile."""


class ChainError(ConfigError):
    """A chain is not a chain: an unknown name, a step that is not a Runnable, a name used twice."""


class ToolDefinitionError(ConfigError):
    """A tool file does not define the tool it should."""


class ScenarioError(ConfigError):
    """A scenario file is wrong."""


class EvaluationError(ConfigError):
    """What an evaluation was given is wrong: judgements, a run, questions, answers, a measure."""


class RunError(AgentLabError, RuntimeError):
    """Something went wrong while running."""


class ModelError(RunError):
    """A model could not be loaded, or could not answer."""


class ModelFileError(ModelError):
    """A file is not a GGUF model, is cut short, or is of a kind that llama.cpp cannot load."""


class ChecksumError(ModelError):
    """A file's sha256 is not the one that was pinned."""


class ContextOverflow(ModelError):
    """A prompt does not fit. ``needed`` and ``available`` are counts of tokens."""

    def __init__(self, message: str, *, needed: int, available: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.needed = needed
        self.available = available


class ProviderError(ModelError):
    """A hosted API answered with an error. ``status`` is the HTTP status, None without one."""

    def __init__(self, message: str, *, status: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class AuthenticationError(ProviderError):
    """The API refused the key (401) or what it may do (403)."""


class RateLimited(ProviderError):
    """Too many requests (429). ``retry_after`` is in seconds, None where the API does not say."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = 429,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, status=status, hint=hint)
        self.retry_after = retry_after


class Unreachable(ProviderError):
    """No connection to the API, or no answer in time."""


class StreamInterrupted(ModelError):
    """An answer stopped before its end. ``partial`` is the text that had come."""

    def __init__(self, message: str, *, partial: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.partial = partial


class InvalidOutput(ModelError):
    """An answer does not fit its schema, or was cut before it could. ``text`` is what came."""

    def __init__(self, message: str, *, text: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.text = text


class StepLimit(RunError):
    """An agent took all the steps it had."""


class BudgetExceeded(RunError):
    """Calls, tokens or seconds ran out."""


class SessionBusy(RunError):
    """A conversation is being answered already, or was changed by another process."""


class StoreError(RunError):
    """A stored file cannot be read or written: a full disk, no permission, a newer version."""


class CorruptStore(StoreError):
    """A stored file is damaged."""


class NewerFormat(CorruptStore):
    """A stored file was written by a later version, in a format this one cannot read."""


class SecretFound(StoreError):
    """A recording still holds a secret, so nothing was written."""


class Offline(RunError):
    """A model or the network was asked for while everything must come from a recording."""


class EffectRefused(RunError):
    """A tool with side effects was asked for where it may not run."""


class NotRecordable(RunError):
    """A call returned something that cannot be written down and made again."""


class RecordedError(RunError):
    """A recorded error whose type is not loaded here. ``original`` is that type's full name."""

    def __init__(self, message: str, *, original: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.original = original


class ScenarioFailed(AgentLabError, AssertionError):
    """An expectation of a scenario was not met."""

    exit_code = 3


class Diverged(ScenarioFailed):
    """A run made a call that is not in its recording, or left one out; ``drift`` tells which."""

    def __init__(self, message: str, *, drift: object = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.drift = drift


class ToolError(AgentLabError):
    """Raised inside a tool: the model is told, the run goes on."""


class TurnCancelled(BaseException):
    """The answer was stopped by its reader. Not an Exception, so no handler swallows it."""

    exit_code = 130
