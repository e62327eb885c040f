"""The names under which a config asks Hydra for launchers and sweepers.

Hydra takes a plugin by a name in its own namespace alone, wherever the class itself lives.
"""

PROCESS_LAUNCHER = "hydra_plugins.rnnlab.ProcessLauncher"
HORIZON_SWEEPER = "hydra_plugins.rnnlab.HorizonSweeper"
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
LOCAL_LAUNCHERS = (PROCESS_LAUNCHER, BASIC_LAUNCHER)
"""Those whose jobs surely run on the machine of the command."""
