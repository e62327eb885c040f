"""What a command says to its arguments, by its own code up to where its run would begin.

That is its loader, its checks, and its words for what went wrong; left out are the second time that
Hydra composes, its log, the store and the training.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import open_dict, read_write

from rnnlab.run import CONF
from rnnlab.runs import one_run
from rnnlab.runs.hydra_errors import explain
from rnnlab.runs.hydra_job import job
from rnnlab.runs.hydra_loader import CheckedLoader
from rnnlab.runs.resume_option import with_key


class _Begins(Exception):  # noqa: N818 it is none
    """All has been checked, and nothing recorded."""


def _begin(_: Path) -> NoReturn:
    raise _Begins


def refusal(
    *overrides: str, output: Path, config_dir: Path | None = None, sweep: bool = False
) -> str:
    """What it would print; empty where a run, or a sweep, would begin.

    Args:
        overrides: The command line's.
        output: The folder that the run would have.
        config_dir: As of --config-dir.
        sweep: As with -m, whose jobs are not looked at.
    """
    words = with_key(list(overrides))
    folders = [CONF, *([config_dir] if config_dir else [])]
    further = [f"hydra.searchpath=[file://{config_dir}]"] if config_dir else []
    try:
        _compose_and_check([*words, *further], output, sweep)
    except _Begins:
        return ""
    except Exception as error:
        message = explain(error, folders, words)
        if message is None:  # it would print a traceback
            raise
        assert message.strip()
        return message
    assert sweep
    return ""


def _compose_and_check(words: list[str], output: Path, sweep: bool) -> None:
    setup_globals()
    hydra = Hydra("rnnlab", CheckedLoader(create_config_search_path(str(CONF))))
    mode = RunMode.MULTIRUN if sweep else RunMode.RUN
    config = hydra.compose_config("config", words, mode, with_log_configuration=False)
    if sweep:
        return
    with ExitStack() as stack:
        stack.enter_context(read_write(config.hydra.runtime))
        stack.enter_context(open_dict(config.hydra.runtime))
        config.hydra.runtime.output_dir = str(output)
    HydraConfig.instance().set_config(config)
    with read_write(config), open_dict(config):
        del config["hydra"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(one_run, "locked", _begin)
        job(config)
