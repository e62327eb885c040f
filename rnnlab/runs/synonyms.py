"""Words that users of Lightning, torch and Hydra know, and where rnnlab has what they stand for."""

from collections.abc import Iterable
from typing import NamedTuple

from rnnlab.foundation.checks import did_you_mean


class Known(NamedTuple):
    """What stands for a word here.

    Args:
        keys: Where it is, the likeliest first; keys of some choice, or `group=choice`.
        why: What else there is to say, or why there is no such key.
    """

    keys: tuple[str, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        named = " or ".join(self.keys)
        return f"{named} ({self.why})" if named and self.why else named or self.why


UPDATES = "rnnlab counts updates, not epochs"
OWN_CALLBACKS = "rnnlab has its own callbacks; what is to be measured is a diagnostic"

WORDS = {
    # sizes, of the cell and of its stack
    "hidden_size": Known(("cell.hidden_size",)),
    "hidden_dim": Known(("cell.hidden_size",)),
    "hidden_units": Known(("cell.hidden_size",)),
    "hidden": Known(("cell.hidden_size",)),
    "hid_dim": Known(("cell.hidden_size",)),
    "num_hidden": Known(("cell.hidden_size",)),
    "num_units": Known(("cell.hidden_size",)),
    "n_hidden": Known(("cell.hidden_size",)),
    "nhid": Known(("cell.hidden_size",)),
    "units": Known(("cell.hidden_size",)),
    "d_model": Known(("cell.hidden_size",)),
    "num_layers": Known(("model.num_layers",)),
    "n_layers": Known(("model.num_layers",)),
    "nlayers": Known(("model.num_layers",)),
    "layers": Known(("model.num_layers",)),
    "depth": Known(("model.num_layers",)),
    "dropout": Known(("model.dropout",)),
    "activation": Known(("cell.nonlinearity", "model.output_nonlinearity")),
    "nonlinearity": Known(("cell.nonlinearity", "model.output_nonlinearity")),
    "output_activation": Known(("model.output_nonlinearity",)),
    "forget_bias": Known(("cell.forget_bias",)),
    "input_size": Known((), "it follows from the task"),
    "output_size": Known((), "it follows from the task"),
    "bias": Known((), "every cell has one"),
    "bidirectional": Known((), "a model that sees the future needs no memory: there is none"),
    "batch_first": Known((), "every tensor is (batch, seq_len, features)"),
    "rnn": Known(("cell",)),
    "rnn_type": Known(("cell",)),
    "network": Known(("cell",)),
    # training
    "steps": Known(("train.steps",)),
    "num_steps": Known(("train.steps",)),
    "train_steps": Known(("train.steps",)),
    "iterations": Known(("train.steps",)),
    "num_iterations": Known(("train.steps",)),
    "max_iter": Known(("train.steps",)),
    "updates": Known(("train.steps",)),
    "max_steps": Known(("train.steps",)),
    "min_steps": Known((), "train.stop_when_solved=false trains for all of train.steps"),
    "epochs": Known(("train.steps",), UPDATES),
    "num_epochs": Known(("train.steps",), UPDATES),
    "n_epochs": Known(("train.steps",), UPDATES),
    "max_epochs": Known(("train.steps",), UPDATES),
    "min_epochs": Known(("train.steps",), UPDATES),
    "max_time": Known(("train.steps", "hydra.launcher.job_timeout")),
    "batch_size": Known(("train.batch_size", "eval.batch_size")),
    "bs": Known(("train.batch_size",)),
    "bsz": Known(("train.batch_size",)),
    "train_batch_size": Known(("train.batch_size",)),
    "eval_batch_size": Known(("eval.batch_size",)),
    "val_batch_size": Known(("eval.batch_size",)),
    "test_batch_size": Known(("eval.batch_size",)),
    "accumulate_grad_batches": Known(("train.batch_size",), "each update is one batch"),
    "val_check_interval": Known(("train.val_every",), "in updates"),
    "check_val_every_n_epoch": Known(("train.val_every",), "in updates"),
    "val_every": Known(("train.val_every",)),
    "eval_every": Known(("train.val_every",)),
    "log_every": Known(("train.block",)),
    "log_every_n_steps": Known(("train.block",), "in updates"),
    "early_stopping": Known(("train.stop_when_solved",)),
    "patience": Known(("train.stop_when_solved",), "a run stops once its task is solved"),
    "stop_when_solved": Known(("train.stop_when_solved",)),
    "detect_anomaly": Known(("train.nonfinite",)),
    "terminate_on_nan": Known(("train.nonfinite",)),
    "train_size": Known((), "every batch is drawn anew: there is no training set"),
    "limit_train_batches": Known(("train.steps",), "every batch is drawn anew"),
    "limit_val_batches": Known(("eval.val_sequences",)),
    "limit_test_batches": Known(("eval.sequences",)),
    "test_size": Known(("eval.sequences",)),
    "val_size": Known(("eval.val_sequences",)),
    "num_workers": Known((), "batches are made where they are used: there is no DataLoader"),
    "num_sanity_val_steps": Known((), "nothing is validated before the first update"),
    "fast_dev_run": Known(("train.steps",), "train.steps=100 is a short run"),
    "overfit_batches": Known((), "every batch is drawn anew"),
    "seed": Known(("seed",)),
    "random_seed": Known(("seed",)),
    "manual_seed": Known(("seed",)),
    "data_seed": Known(("train.data_seed",)),
    "threads": Known(("num_threads",)),
    "n_threads": Known(("num_threads",)),
    # the optimizer, its schedule, clipping
    "lr": Known(("optimizer.lr",)),
    "learning_rate": Known(("optimizer.lr",)),
    "step_size": Known(("optimizer.lr", "schedule.step_size")),
    "optim": Known(("optimizer",)),
    "weight_decay": Known(("optimizer.weight_decay",)),
    "wd": Known(("optimizer.weight_decay",)),
    "l2": Known(("optimizer.weight_decay",)),
    "momentum": Known(("optimizer.momentum",), "of optimizer=sgd and optimizer=rmsprop"),
    "betas": Known(("optimizer.betas",)),
    "beta1": Known(("optimizer.betas",)),
    "eps": Known(("optimizer.eps",)),
    "nesterov": Known(("optimizer.nesterov",), "of optimizer=sgd"),
    "alpha": Known(("optimizer.alpha",), "of optimizer=rmsprop"),
    "scheduler": Known(("schedule",)),
    "lr_scheduler": Known(("schedule",)),
    "lr_schedule": Known(("schedule",)),
    "T_max": Known(("schedule.T_max",), "of schedule=cosine"),
    "eta_min": Known(("schedule.eta_min",), "of schedule=cosine"),
    "gamma": Known(("schedule.gamma",), "of schedule=step and schedule=exponential"),
    "gradient_clip_val": Known(
        ("clip.max_norm", "clip.clip_value"), "of clip=norm and of clip=value"
    ),
    "gradient_clip_algorithm": Known(("clip=norm", "clip=value")),
    "gradient_clip": Known(("clip=norm", "clip=value")),
    "gradient_clipping": Known(("clip=norm", "clip=value")),
    "grad_clip": Known(("clip=norm", "clip=value")),
    "clip_grad": Known(("clip=norm", "clip=value")),
    "clip_grad_norm": Known(("clip.max_norm",), "of clip=norm"),
    "clip_norm": Known(("clip.max_norm",), "of clip=norm"),
    "max_grad_norm": Known(("clip.max_norm",), "of clip=norm"),
    "omega": Known(("regularizer=omega",)),
    "regularization": Known(("regularizer=omega", "optimizer.weight_decay")),
    "tbptt_steps": Known(("train.tbptt",)),
    "truncated_bptt_steps": Known(("train.tbptt",)),
    "truncation": Known(("train.tbptt",)),
    "max_norm": Known(("clip.max_norm",), "of clip=norm"),
    "clip_value": Known(("clip.clip_value",), "of clip=value"),
    # the task
    "dataset": Known(("task",)),
    "data": Known(("task",)),
    "problem": Known(("task",)),
    "length": Known(("task.length",)),
    "seq_len": Known(("task.length",)),
    "seq_length": Known(("task.length",)),
    "sequence_length": Known(("task.length",)),
    "delay": Known(("task.length",)),
    "T": Known(("task.length",)),
    "lengths": Known(("task.length", "eval.lengths"), "eval.lengths tests at others, too"),
    # Lightning's trainer
    "accelerator": Known(("trainer.accelerator",)),
    "device": Known(("trainer.accelerator", "trainer.devices")),
    "devices": Known(("trainer.devices",)),
    "gpu": Known(("trainer.accelerator",), "trainer.accelerator=gpu"),
    "gpus": Known(("trainer.accelerator",), "trainer.accelerator=gpu; a run has one device"),
    "num_nodes": Known((), "a run has one device; a sweep spreads runs over machines"),
    "strategy": Known((), "a run has one device"),
    "precision": Known(("trainer.precision",)),
    "dtype": Known(("trainer.precision",)),
    "amp": Known(("trainer.precision",), "trainer.precision=bf16-mixed"),
    "deterministic": Known(("trainer.deterministic",)),
    "benchmark": Known((), "a benchmark of cuDNN's would choose other kernels in each run"),
    "compile": Known((), "the kernels behind the cells are compiled already"),
    "logger": Known(("tracking",), "MLflow has all of a run"),
    "callbacks": Known(("diagnostics",), OWN_CALLBACKS),
    "metrics": Known(("diagnostics",)),
    "enable_checkpointing": Known(
        (), "a checkpoint is written at every validation, train.val_every"
    ),
    "enable_progress_bar": Known((), "a run shows one line"),
    "enable_model_summary": Known((), "num_params of a run is in MLflow"),
    "default_root_dir": Known(("hydra.run.dir", "hydra.sweep.dir")),
    "profiler": Known((), "perf/steps_per_second of a run is in MLflow"),
    # where things go
    "log_dir": Known(("hydra.run.dir", "hydra.sweep.dir")),
    "output_dir": Known(("hydra.run.dir", "hydra.sweep.dir")),
    "out_dir": Known(("hydra.run.dir", "hydra.sweep.dir")),
    "save_dir": Known(("hydra.run.dir", "hydra.sweep.dir")),
    "name": Known(("tracking.experiment",), "a run is named by its cell, task and seed"),
    "run_name": Known(("tracking.experiment",), "a run is named by its cell, task and seed"),
    "experiment_name": Known(("tracking.experiment",)),
    "project": Known(("tracking.experiment",)),
    "mlflow": Known(("tracking",)),
    "tracking_uri": Known(("tracking.uri",)),
    "uri": Known(("tracking.uri",)),
    "log_model": Known(("tracking.log_model",)),
    "ckpt_path": Known(("resume",)),
    "checkpoint": Known(("resume",)),
    "resume_from_checkpoint": Known(("resume",)),
    "seeds": Known(("seed", "hydra.sweeper.seeds"), "a sweep: -m seed=0,1,2"),
    # Hydra
    "launcher": Known(("hydra/launcher",)),
    "sweeper": Known(("hydra/sweeper",)),
    "n_jobs": Known(("hydra.launcher.n_jobs",)),
    "jobs": Known(("hydra.launcher.n_jobs",)),
    "job_timeout": Known(("hydra.launcher.job_timeout",)),
    "timeout": Known(("hydra.launcher.job_timeout",)),
    "n_trials": Known((), "Optuna's sweeper has it, hydra/sweeper=optuna"),
    "config_dir": Known((), "--config-dir, an option and no override"),
    "multirun": Known((), "-m, an option and no override"),
    "config_path": Known((), "--config-dir, an option and no override"),
}
"""By the last part of a key, whatever section it was written in, but for these."""

SELF_CONTAINED = "diagnostics."
"""A diagnostic's keys are about its own look at the model: `steps` there are no updates."""


def meant_by(key: str) -> Known | None:
    """What a key that does not exist stands for, if it is a word of other tools."""
    section, _, name = key.rpartition(".")
    known = WORDS.get(name) or WORDS.get(name.lower())
    if known is None or key in known.keys or section.startswith(SELF_CONTAINED):
        return None
    return known


def what_is_known(key: str, allowed: Iterable[str]) -> str:
    """What may stand instead of a dotted key: by its meaning, or else the nearest of `allowed`.

    Args:
        key: That does not exist.
        allowed: The names that its section has.
    """
    name, allowed = key.rpartition(".")[2], list(allowed)
    known = meant_by(key)
    if known is None:
        return did_you_mean(name, allowed)
    return f"it is {known}" if known.keys else str(known)
