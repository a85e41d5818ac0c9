"""The hub library's errors as AgentLab's."""

from __future__ import annotations

import httpx
from huggingface_hub import errors as hub

from agentlab.errors import (
    AgentLabError,
    AuthenticationError,
    ConfigError,
    ModelError,
    ProviderError,
    RateLimited,
    UnknownModel,
    Unreachable,
)
from agentlab.models.hub_names import HubSpec

_OFFLINE = (
    "a model that was downloaded before works without a network, "
    "and so does a file that you have, as gguf:PATH"
)
_TOKEN = "set HF_TOKEN to a token of huggingface.co/settings/tokens"  # noqa: S105 - not a secret


def is_temporary(problem: AgentLabError) -> bool:
    """Whether a copy in the cache is as good: the hub could not be asked, or is busy."""
    if isinstance(problem, Unreachable | RateLimited):
        return True
    return isinstance(problem, ProviderError) and (problem.status or 0) >= 500


def translated(error: Exception, spec: HubSpec) -> AgentLabError | None:
    """``error`` in our words; None for one that no user can cause."""
    if isinstance(error, hub.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, hub.HfHubHTTPError):
        return _answered(error, spec)
    if isinstance(error, hub.OfflineModeIsEnabled):
        return Unreachable(
            f"cannot ask the hub for {spec}: HF_HUB_OFFLINE is set", hint=f"unset it; {_OFFLINE}"
        )
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"the hub does not answer ({spec})", hint=_OFFLINE)
    if isinstance(error, httpx.HTTPError):
        return Unreachable(f"cannot reach the hub for {spec}: {error}", hint=_OFFLINE)
    if isinstance(error, hub.FileMetadataError | hub.LocalEntryNotFoundError):
        return Unreachable(
            f"the hub's answer about {spec} lacks what a download needs",
            hint="is there a proxy or login page between? HF_ENDPOINT, if set, must be a hub",
        )
    if isinstance(error, hub.HFValidationError):
        return ConfigError(f"{spec}: {error}")
    if isinstance(error, OSError):
        return _stored(error, spec)
    if isinstance(error, ValueError | TypeError | KeyError):
        return Unreachable(
            f"the hub's answer about {spec} is not what a hub says",
            hint="is there a proxy or login page between? HF_ENDPOINT, if set, must be a hub",
        )
    return None


def _answered(error: hub.HfHubHTTPError, spec: HubSpec) -> AgentLabError:
    status = error.response.status_code
    page = f"https://huggingface.co/{spec.repo}"
    if isinstance(error, hub.GatedRepoError):
        return AuthenticationError(
            f"the repository {spec.repo} is gated: its owner wants you to agree to terms first",
            status=status,
            hint=f"agree on {page}, then {_TOKEN}",
        )
    if isinstance(error, hub.RevisionNotFoundError):
        return UnknownModel(
            f"the repository {spec.repo} has no revision {spec.revision!r}",
            hint=f"see {page}/tree/main for its branches and tags",
        )
    if isinstance(error, hub.EntryNotFoundError):
        return UnknownModel(f"the hub has no such file: {spec}", hint=f"see {page}/tree/main")
    if isinstance(error, hub.RepositoryNotFoundError):
        return UnknownModel(
            f"the hub has no repository {spec.repo}, or it is private",
            hint=f"check the name on {page}; for a private one, {_TOKEN}",
        )
    if status in (401, 403):
        return AuthenticationError(
            f"the hub refuses {spec} ({status})",
            status=status,
            hint=f"{_TOKEN} that may read {spec.repo}",
        )
    if status == 429:
        after = error.response.headers.get("Retry-After", "")
        return RateLimited(
            "the hub says: too many requests",
            retry_after=float(after) if after.isdigit() else None,
            hint=f"wait, or {_TOKEN}: users have a higher limit",
        )
    return ProviderError(
        f"the hub answers {status} to {spec}",
        status=status,
        hint="try again later" if status >= 500 else f"see {page}",
    )


def _stored(error: OSError, spec: HubSpec) -> AgentLabError:
    if error.errno is None:  # the hub library's word for a download of the wrong size
        return Unreachable(f"the download of {spec} broke off", hint="load it again")
    return ModelError(
        f"cannot store {spec} in the cache: {error.strerror or error}",
        hint="make room, or set HF_HUB_CACHE to another folder",
    )
