"""How long a run trains and what it is scored on: the sections `train` and `eval` of the config."""

from dataclasses import dataclass, field
from typing import Any

from rnnlab.foundation.checks import check_bool, check_choice, check_float, check_int, check_seed


@dataclass(frozen=True)
class TrainSettings:
    """How long to train, on what, and how often to look.

    Args:
        steps: Optimizer updates, at most.
        batch_size: Sequences an update.
        min_seq_len: Each batch draws its `seq_len` from here up to the task's; None: all have the
            task's.
        start_seq_len: Training begins at this `seq_len`, which is doubled, up to the task's, at each validation
            that shows it solved; None: it begins at the task's.
        block: Updates between two looks at the numbers.
        val_every: Updates between two validations; a multiple of `block`.
        stop_when_solved: Stop at the first validation that shows the task solved.
        data_seed: Which training batches.
        nonfinite: What a loss that is not finite does: "stop" ends the run, as a result (`diverged`);
            "skip" leaves that update out, also where the gradient is not finite, and counts it;
            "raise" fails the run.
        cuda_graph: Whether a GPU repeats the operations of an update's gradient as one CUDA graph, or
            is told each of them anew.
        recompute_steps: Keep of each sequence the states at every so-many-th step alone, and compute
            the steps between again on the way back; None keeps all.
        tbptt: Truncated backpropagation through time: the gradient ends at every boundary of so many steps,
            counted back from a sequence's last; None: it goes back to the first.
        gradient_noise: eta of the noise N(0, eta / (1 + t)^gamma) that each gradient gets after clipping; None: none.
        gradient_noise_decay: Its gamma; None: 0.55.
        decay_biases: Whether the optimizer's weight decay acts on biases and other vectors too.
        stateful: Whether the last state of a batch, without its gradient, is where the next one begins.
    """

    steps: int = 2000
    batch_size: int = 32
    min_seq_len: int | None = None
    block: int = 50
    val_every: int = 100
    stop_when_solved: bool = True
    data_seed: int = 0
    nonfinite: str = "stop"
    cuda_graph: bool = True
    recompute_steps: int | None = None
    tbptt: int | None = None
    gradient_noise: float | None = None
    gradient_noise_decay: float | None = None
    decay_biases: bool = True
    start_seq_len: int | None = None
    stateful: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "block", "val_every"):
            check_int(name, getattr(self, name), minimum=1)
        for name in ("min_seq_len", "start_seq_len", "recompute_steps", "tbptt"):
            if getattr(self, name) is not None:
                check_int(name, getattr(self, name), minimum=1)
        check_seed("data_seed", self.data_seed)
        check_bool("stop_when_solved", self.stop_when_solved)
        check_bool("cuda_graph", self.cuda_graph)
        check_bool("decay_biases", self.decay_biases)
        check_bool("stateful", self.stateful)
        check_choice("nonfinite", self.nonfinite, ("stop", "skip", "raise"))
        self._check_noise()
        self._check_lengths()
        if self.tbptt is not None and self.recompute_steps is not None:
            raise ValueError(
                f"tbptt={self.tbptt} and recompute_steps={self.recompute_steps} both say what is "
                "kept for the gradient: one of them"
            )
        if self.val_every % self.block:
            raise ValueError(
                f"val_every={self.val_every} is not a multiple of block={self.block}: "
                "validation happens between blocks"
            )

    def _check_lengths(self) -> None:
        if self.start_seq_len is not None and self.min_seq_len is not None:
            raise ValueError(
                f"start_seq_len={self.start_seq_len} and min_seq_len={self.min_seq_len} both say how "
                "long the batches are: one of them"
            )
        for name in ("min_seq_len", "start_seq_len"):
            if self.stateful and getattr(self, name) is not None:
                raise ValueError(
                    f"stateful=True and {name}={getattr(self, name)}: batches go on where those before "
                    "ended if all have one length"
                )

    def _check_noise(self) -> None:
        eta, gamma = self.gradient_noise, self.gradient_noise_decay
        if eta is not None:
            check_float("gradient_noise", eta, above=0.0)
        if gamma is not None:
            check_float("gradient_noise_decay", gamma, at_least=0.0)
            if eta is None:
                raise ValueError(f"gradient_noise_decay={gamma} goes with gradient_noise alone")

    @property
    def cuts(self) -> dict[str, int]:
        """What of `recompute_steps` and `tbptt` is set."""
        steps = {"recompute_steps": self.recompute_steps, "tbptt": self.tbptt}
        return {name: count for name, count in steps.items() if count is not None}

    @property
    def trainer_options(self) -> dict[str, Any]:
        """What Lightning's Trainer has to be told, as its epoch is here the way to a validation."""
        return {
            "max_epochs": -(-self.steps // self.val_every),
            "num_sanity_val_steps": 0,  # a validation is recorded, and may stop training
            "log_every_n_steps": 1,
            "reload_dataloaders_every_n_epochs": 1,  # or each epoch would be the first again
            "use_distributed_sampler": False,
        }


@dataclass(frozen=True)
class EvalSettings:
    """What the trained model is scored on.

    Args:
        sequences: Of the test, and of the check that a task is solved. None: 10,000 fresh ones of an endless
            task, and the whole test split of a set of data; a number takes the first so many.
        val_sequences: Of each validation, the same every time; None: 1000, or the whole split.
        batch_size: Sequences scored at once.
        lengths: Further values of `seq_len` at which the test is repeated.
        seed: Which validation and test sequences, of an endless task; which noise, of diagnostics.
    """

    sequences: int | None = None
    val_sequences: int | None = None
    batch_size: int = 500
    lengths: list[int] = field(default_factory=list)
    seed: int = 0

    def __post_init__(self) -> None:
        check_int("batch_size", self.batch_size, minimum=1)
        for name in ("sequences", "val_sequences"):
            if getattr(self, name) is not None:
                check_int(name, getattr(self, name), minimum=1)
        check_seed("seed", self.seed)
        for length in self.lengths:
            check_int("lengths", length, minimum=1)
        if len(set(self.lengths)) < len(self.lengths):
            raise ValueError(f"lengths={self.lengths} names a length twice")
