"""Choices that users of other tools know: what is chosen here instead, or what brings them."""

MEANT = {
    "cell": {
        **dict.fromkeys(("rnn", "vanilla", "vanilla_rnn", "simple_rnn", "srn"), "cell=elman"),
        **dict.fromkeys(("rnn_clipped", "vanilla_clipped"), "cell=elman_clipped"),
    },
    "task": {
        **dict.fromkeys(("copy", "copying", "copying_memory"), "task=copy_memory"),
        **dict.fromkeys(("add", "addition", "adding_problem"), "task=adding"),
        **dict.fromkeys(("order", "temporal"), "task=temporal_order"),
    },
    "clip": {
        **dict.fromkeys(("true", "yes", "on", "grad_norm", "global_norm"), "clip=norm"),
        **dict.fromkeys(("false", "no", "off"), "clip=none"),
    },
    "regularizer": {
        **dict.fromkeys(("pascanu", "true", "yes", "on"), "regularizer=omega"),
        **dict.fromkeys(("false", "no", "off"), "regularizer=none"),
    },
    "optimizer": {
        "adamw": "optimizer._target_=torch.optim.AdamW",
        "adagrad": "optimizer._target_=torch.optim.Adagrad",
        "adamax": "optimizer._target_=torch.optim.Adamax",
        "nadam": "optimizer._target_=torch.optim.NAdam",
        "radam": "optimizer._target_=torch.optim.RAdam",
    },
    "schedule": {
        **dict.fromkeys(("constant", "false", "no", "off"), "schedule=none"),
        **dict.fromkeys(("cosine_annealing", "cosineannealinglr"), "schedule=cosine"),
        **dict.fromkeys(("steplr", "multistep"), "schedule=step"),
        **dict.fromkeys(
            ("onecycle", "one_cycle", "onecyclelr"),
            "schedule._target_=torch.optim.lr_scheduler.OneCycleLR",
        ),
        **dict.fromkeys(
            ("linear", "warmup"), "schedule._target_=torch.optim.lr_scheduler.LinearLR"
        ),
    },
    "trainer": {
        **dict.fromkeys(("gpu", "cuda"), "trainer.accelerator=gpu"),
        **dict.fromkeys(("mps", "tpu"), "trainer.accelerator={}"),
    },
    "tracking": dict.fromkeys(("wandb", "tensorboard", "csv"), "tracking=mlflow"),
    "diagnostics": {
        **dict.fromkeys(("false", "no", "off"), "diagnostics=none"),
        **dict.fromkeys(("true", "yes", "on"), "diagnostics=all"),
    },
    "hydra/launcher": {
        **dict.fromkeys(("local", "process", "multiprocessing"), "hydra/launcher=processes"),
        "slurm": "hydra/launcher=submitit_slurm",
    },
    "hydra/sweeper": {"grid": "hydra/sweeper=basic"},
}
"""By group and choice, in small letters: the override."""

PLUGINS = {
    "hydra/launcher": {
        "joblib": "hydra-joblib-launcher",
        "submitit_local": "hydra-submitit-launcher",
        "submitit_slurm": "hydra-submitit-launcher",
        "ray": "hydra-ray-launcher",
        "ray_aws": "hydra-ray-launcher",
        "rq": "hydra-rq-launcher",
    },
    "hydra/sweeper": {
        "optuna": "hydra-optuna-sweeper",
        "ax": "hydra-ax-sweeper",
        "nevergrad": "hydra-nevergrad-sweeper",
    },
}
"""What to install for a choice that is not there."""


def meant_choice(group: str, choice: str) -> str | None:
    """The override that chooses the same, of a word of other tools'."""
    meant = MEANT.get(group, {}).get(choice.lower())
    return None if meant is None else meant.format(choice.lower())


def install_hint(group: str, choice: str) -> str | None:
    """How to get a choice of Hydra's that is not installed."""
    package = PLUGINS.get(group, {}).get(choice)
    return None if package is None else f"pip install {package} brings it"
