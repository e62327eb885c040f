"""Many runs from one command: Hydra's launcher and sweeper, the parent run, the horizon."""
