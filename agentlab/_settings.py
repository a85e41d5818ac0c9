"""The settings' fields (apart from config.py, which must import quickly)."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


def _data() -> Path:
    return platformdirs.user_data_path("agentlab", appauthor=False)


def _cache() -> Path:
    return platformdirs.user_cache_path("agentlab", appauthor=False)


class Settings(BaseSettings):
    """What can be set in ``agentlab.toml``, ``config.toml`` and ``AGENTLAB_*``."""

    model_config = SettingsConfigDict(env_prefix="AGENTLAB_", extra="forbid", frozen=True)

    model: str = Field("smollm2", description="the model of commands that were given none")
    data: Path = Field(default_factory=_data, description="sessions and checksums of models")
    cache: Path = Field(default_factory=_cache, description="what can be made again")
    project: Path | None = Field(None, description="the project folder, instead of looking for it")
    vi_keys: bool = Field(False, description="vi's keys in `agentlab chat`, instead of Emacs'")
    search_url: str = Field("", description="a SearXNG server, instead of public search engines")
    fetch_private: bool = Field(False, description="let fetch_page reach private addresses too")


def read_settings(project_file: Path) -> Settings:
    """Read the settings, with ``project_file`` (which need not exist) over the user's own."""
    user_file = platformdirs.user_config_path("agentlab", appauthor=False) / "config.toml"

    class FromFiles(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            files = TomlConfigSettingsSource(settings_cls, toml_file=[user_file, project_file])
            return (env_settings, files)

    return FromFiles()
