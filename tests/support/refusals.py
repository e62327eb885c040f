"""What a command says to its arguments, by its own code up to where its run would begin.

That is its loader, its checks, and its words for what went wrong; left out are the second time that
Hydra composes, its log, the store and the training.
"""

from pathlib import Path

import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.types import RunMode

from rnnlab.run import CONF, PLUGINS
from rnnlab.runs import hydra_job
from rnnlab.runs.hydra_errors import explain
from rnnlab.runs.hydra_loader import CheckedLoader
from rnnlab.runs.hydra_source import check_files
from rnnlab.runs.resume_option import with_key
from rnnlab.sweeps.job_checks import check_sweep


def refusal(
    *overrides: str, output: Path, config_dir: Path | None = None, sweep: bool = False
) -> str:
    """What it would print; empty where a run, or a sweep, would begin.

    Args:
        overrides: The command line's.
        output: The folder that the run would have.
        config_dir: As of --config-dir.
        sweep: As with -m, whose jobs are all looked at.
    """
    words = with_key(list(overrides))
    folders = [CONF, *([config_dir] if config_dir else [])]
    further = [f"hydra.searchpath=[file://{config_dir}]"] if config_dir else []
    folder = [] if sweep else [f"hydra.run.dir='{output}'"]
    try:
        _compose_and_check([*words, *further, *folder], sweep)
    except Exception as error:
        message = explain(error, folders, words)
        if message is None:  # it would print a traceback
            raise
        assert message.strip()
        return message
    return ""


def _compose_and_check(words: list[str], sweep: bool) -> None:
    setup_globals()
    Plugins.instance().class_name_to_class.update(PLUGINS)
    check_files()
    loader = CheckedLoader(create_config_search_path(str(CONF)))
    mode = RunMode.MULTIRUN if sweep else RunMode.RUN
    config = Hydra("rnnlab", loader).compose_config(
        "config", words, mode, with_log_configuration=False
    )
    if sweep:
        check_sweep(config, loader, lambda: None)
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hydra_job, "try_store", lambda plain: None)
        for keep in ("keep", "keep_words"):  # for a run that begins
            patched.setattr(hydra_job, keep, lambda *of: None)
        hydra_job.check_run(config)
