"""The names under which a config asks Hydra for rnnlab's launcher and sweeper.

Hydra takes a plugin by a name in its own namespace alone, wherever the class itself lives.
"""

PROCESS_LAUNCHER = "hydra_plugins.rnnlab.ProcessLauncher"
HORIZON_SWEEPER = "hydra_plugins.rnnlab.HorizonSweeper"
