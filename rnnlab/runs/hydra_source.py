"""Where Hydra reads its yaml files from: a folder, each file looked at before Hydra makes a config of it."""

import os
from pathlib import Path

from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.plugins.config_source import ConfigResult

from rnnlab.foundation.yaml_file import refuse_bomb


class FileConfigSource(file_config_source.FileConfigSource):
    """Hydra's own, which copies a config as often as its aliases say.

    It has the name of that, by which Hydra knows a source that it need not register again.
    """

    def load_config(self, config_path: str) -> ConfigResult:
        path = Path(os.path.realpath(self.path), self._normalize_file_name(config_path))
        if path.exists():
            refuse_bomb(path)
        return super().load_config(config_path)


def check_files() -> None:
    """Have Hydra read files by that."""
    registry = SourcesRegistry.instance()
    registry.types[FileConfigSource.scheme()] = FileConfigSource
