"""Hydra's task function: what it composed, as plain values, becomes one run."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from rnnlab import collector
from rnnlab.result import write_failure
from rnnlab.signals import Stopped

GROUPS = (
    *("cell", "task", "clip", "optimizer", "schedule", "trainer", "tracking", "diagnostics"),
    "experiment",
)


def job(cfg: DictConfig) -> float | None:
    """Run what `cfg` says, print its summary, and return the test loss, which sweepers minimise."""
    from rnnlab.resume import resumed
    from rnnlab.summary import summary
    from rnnlab.trial import run_trial

    collector.resume()
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    config = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    choices = {group: _choice(settings.runtime.choices, config, group) for group in GROUPS}
    overrides = list(settings.overrides.task)
    run_id = None
    try:
        if cfg.resume is not None:
            config, choices, overrides, folder, run_id = resumed(config, overrides)
        result = run_trial(config, choices, overrides, folder, run_id)
    except Stopped:
        if (folder / "checkpoints" / "last.ckpt").exists():
            sys.stderr.write(f"\nto go on: python -m rnnlab.run resume={folder}\n")
        raise
    except Exception as error:
        write_failure(folder, error)
        raise
    sys.stdout.write(f"\n{summary(result)}\n")
    return result.metrics.get("test/loss")


def _choice(choices: Mapping[str, Any], config: dict[str, Any], group: str) -> str:
    """What was chosen of a group; of a list, as diagnostics=[omega,lyapunov], Hydra says nothing."""
    return str(choices[group]) if group in choices else f"[{','.join(config[group])}]"
