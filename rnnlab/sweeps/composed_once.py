"""Jobs of a sweep composed once for all who ask: it takes a twentieth of a second each time."""

from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig


class ComposedOnce:
    """A config loader that composes a job once for two askers.

    Hydra's sweeper composes every job to see whether it can be, and drops what it gets. In another
    process it is the loader itself.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self.loader = loader
        self.unclaimed: dict[tuple[str, ...], DictConfig] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def __reduce__(self) -> tuple[Any, tuple[ConfigLoader]]:
        return _itself, (self.loader,)

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        key = tuple(sweep_overrides)
        if key not in self.unclaimed:
            return self.look_at(master_config, sweep_overrides)
        return self.unclaimed.pop(key)

    def look_at(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """What the next asker gets."""
        key = tuple(sweep_overrides)
        if key not in self.unclaimed:
            self.unclaimed[key] = self.loader.load_sweep_config(master_config, sweep_overrides)
        return self.unclaimed[key]


def _itself(loader: ConfigLoader) -> ConfigLoader:
    return loader
