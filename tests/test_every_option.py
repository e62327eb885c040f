"""Nothing is accepted and ignored: each leaf of each config is shown to change something.

Most options change a loss or a gradient norm to some bit of it, by `CHANGES`: the option, and what
it needs beside it to matter. They are trained in this process, by the code of a run; one test holds
that it comes to what the command does. What changes something else has a test of its own below, or
elsewhere, named in `SHOWN_BY`. The last test holds that no option is missing.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info

from rnnlab.run import CONF
from rnnlab.runs.factory import make_module
from rnnlab.runs.hydra_job import GROUPS
from tests.support.command import QUICK, SMALL, Command, client, result_of
from tests.support.configs import composed, leaves, plain, run_config
from tests.support.data_files import write_data, write_words
from tests.support.idx_files import write_mnist
from tests.support.journals import distinct_points
from tests.support.trained import Trained, looks, trained
from tests.support.training import Recorder, trainer_of

FEW = ("eval.sequences=2", "eval.val_sequences=2")  # as many as the smallest of the splits has
FOUND = ("task.mean=[3,3]", "task.scale=[2,2]")
LABELS = (*FOUND, "task.classes=[up,down]")
TOLD = (
    *("task.path={data}/values.npz", "task.target=value", *FOUND),
    *("task.target_mean=[100]", "task.target_scale=[50]"),
)
HEARD = (
    *("task.num_bands=2", "task.mean=[0,0]", "task.scale=[1,1]"),
    *("task.classes=[high,low]", "task.rate=8000"),
)
RECALL = ("task.num_pairs=2", "task.num_keys=4", "task.num_values=4")
SATURATED = {"saturation": ("cell=elman", "cell.recurrent_gain=20.0")}
# Searches that have not ended where they would, so that their speeds differ.
UNFINISHED = (
    "cell.hidden_size=5",
    *(f"diagnostics.fixed_points.{o}" for o in ("steps=1", "slow_below=1.0")),
)

# (choice, override, what both runs have besides)
CHANGES: list[tuple[str, str, tuple[str, ...]]] = [
    ("cell=elman", "cell.hidden_size=7", ()),
    ("cell=elman", "cell.nonlinearity=relu", ()),
    ("cell=elman", "cell.recurrent_init=orthogonal", ()),
    ("cell=elman", "cell.recurrent_gain=0.5", ()),
    ("cell=elman", "cell.learn_h0=true", ()),
    ("cell=lstm", "cell.hidden_size=7", ()),
    ("cell=lstm", "cell.forget_bias=2.0", ()),
    ("cell=lstm", "cell.chrono=20", ("cell.forget_bias=null",)),
    ("cell=gru", "cell.hidden_size=7", ()),
    *((f"cell={name}", "cell.hidden_size=7", ()) for name in ("lstm_1997", "mgu")),
    ("cell=lstm_1997", "cell.squashing=tanh", ()),
    *(
        (f"cell={name}", override, ())
        for name in ("lstm_peephole", "lstm_layernorm", "janet", "slstm")
        for override in ("cell.hidden_size=7", "cell.forget_bias=2.0")
    ),
    ("cell=janet", "cell.beta=0.5", ()),
    ("cell=janet", "cell.chrono=20", ("cell.forget_bias=null",)),
    ("cell=slstm", "cell.num_heads=2", ()),
    ("cell=slstm", "cell.forget_gate=exp", ()),
    ("cell=mingru", "cell.hidden_size=7", ()),
    ("cell=mingru", "cell.positive=true", ()),
    ("cell=minlstm", "cell.hidden_size=7", ()),
    ("cell=minlstm", "cell.positive=true", ()),
    ("cell=lru", "cell.hidden_size=7", ()),
    ("cell=lru", "cell.r_min=0.9", ()),
    ("cell=lru", "cell.r_max=0.5", ()),
    ("cell=lru", "cell.max_phase=0.5", ()),
    ("cell=deltanet", "cell.hidden_size=6", ()),
    ("cell=deltanet", "cell.num_heads=2", ()),
    ("cell=deltanet", "cell.negative_eigenvalues=true", ()),
    ("cell=gated_deltanet", "cell.hidden_size=6", ()),
    ("cell=gated_deltanet", "cell.num_heads=2", ()),
    ("cell=gated_deltanet", "cell.negative_eigenvalues=true", ()),
    ("cell=tcn", "cell.hidden_size=7", ()),
    ("cell=tcn", "cell.kernel_size=2", ()),
    ("cell=tcn", "cell.num_levels=2", ()),
    ("cell=elman", "cell.num_nonzero=2", ("cell.recurrent_init=scaled",)),
    ("cell=elman", "cell.weight_std=0.01", ()),
    ("cell=exprnn", "cell.hidden_size=7", ()),
    ("cell=antisymmetric", "cell.hidden_size=7", ()),
    ("cell=antisymmetric", "cell.epsilon=0.1", ()),
    ("cell=antisymmetric", "cell.gamma=0.1", ()),
    ("cell=antisymmetric", "cell.gated=true", ()),
    ("cell=indrnn", "cell.hidden_size=7", ()),
    ("cell=indrnn", "cell.recurrent_max=0.9", ()),
    ("cell=cornn", "cell.hidden_size=7", ()),
    ("cell=cornn", "cell.dt=0.05", ()),
    ("cell=cornn", "cell.gamma=60.0", ()),
    ("cell=cornn", "cell.epsilon=10.0", ()),
    ("cell=lem", "cell.hidden_size=7", ()),
    ("cell=lem", "cell.dt=0.5", ()),
    ("task=adding", "task.seq_len=12", ()),
    ("task=adding", "task.variant=bai2018", ()),
    ("task=copy_memory", "task.delay=5", ()),
    ("task=copy_memory", "task.num_symbols=4", ()),
    ("task=copy_memory", "task.copy_len=3", ()),
    ("task=temporal_order", "task.seq_len=20", ()),
    ("task=temporal_order", "task.num_symbols=3", ()),
    ("task=temporal_order", "task.variant=hochreiter1997", ("eval.sequences=4000",)),
    ("task=teacher", "task.seq_len=6", ()),
    ("task=teacher", "task.input_size=3", ()),
    ("task=teacher", "task.output_size=2", ()),
    ("task=teacher", "task.hidden_size=3", ()),
    ("task=teacher", "task.seed=1", ()),
    ("task=text", "task.seq_len=12", ()),
    ("task=text", "task.path={data}/text.txt", ()),
    ("task=text", "task.alphabet=etaoinshrdlu", ()),
    ("task=text", "train.stateful=true", ()),
    ("task=japanese_vowels", "task.seq_len=9", ()),
    ("task=japanese_vowels", "task.lengths=true", ()),
    ("task=arrays", "task.path={data}/numbers.npz", ()),
    ("task=arrays", "task.target=value", ("task.path={data}/numbers.npz",)),
    ("task=arrays", "task.seq_len=4", ()),
    ("task=arrays", "task.standardize=false", ()),
    ("task=arrays", "task.classes=[down,up]", LABELS),
    ("task=arrays", "task.mean=[9,3]", LABELS),
    ("task=arrays", "task.scale=[9,3]", LABELS),
    ("task=arrays", "task.target_mean=[9]", TOLD),
    ("task=arrays", "task.target_scale=[9]", TOLD),
    ("task=audio", "task.path={data}/noise", ()),
    ("task=audio", "task.features=raw", ()),
    ("task=audio", "task.num_bands=30", ()),
    ("task=audio", "task.frame=20.0", ()),
    ("task=audio", "task.hop=5.0", ()),
    ("task=audio", "task.seq_len=4", ()),
    ("task=audio", "task.classes=[low,high]", HEARD),
    ("task=audio", "task.mean=[9,0]", HEARD),
    ("task=audio", "task.scale=[9,1]", HEARD),
    ("task=digits", "task.permuted=true", ()),
    ("task=digits", "task.permutation_seed=1", ("task.permuted=true",)),
    ("task=mnist1d", "task.seq_len=20", ()),
    ("task=mnist1d", "task.permuted=true", ()),
    ("task=mnist1d", "task.seed=1", ()),
    ("task=mnist", "task.path={data}/other", ()),
    ("task=mnist", "task.permuted=true", ()),
    ("task=mnist", "task.permutation_seed=1", ("task.permuted=true",)),
    ("task=parity", "task.seq_len=12", ()),
    ("task=parity", "task.label=every", ()),
    ("task=even_pairs", "task.seq_len=12", ()),
    ("task=even_pairs", "task.label=after", ()),
    ("task=cycle_navigation", "task.seq_len=12", ()),
    ("task=cycle_navigation", "task.label=every", ()),
    ("task=cycle_navigation", "task.num_positions=4", ()),
    ("task=modular_arithmetic", "task.seq_len=12", ()),
    ("task=modular_arithmetic", "task.label=every", ()),
    ("task=modular_arithmetic", "task.modulus=4", ()),
    ("task=permutation_composition", "task.seq_len=12", ()),
    ("task=permutation_composition", "task.label=last", ()),
    ("task=permutation_composition", "task.group=Z60", ()),
    ("task=permutation_composition", "task.generators=[23145,12453]", ()),
    ("task=dyck", "task.seq_len=12", ()),
    ("task=dyck", "task.label=last", ()),
    ("task=dyck", "task.num_types=3", ()),
    ("task=dyck", "task.max_depth=2", ()),
    ("task=induction_heads", "task.seq_len=12", ()),
    ("task=induction_heads", "task.num_symbols=4", ()),
    ("task=associative_recall", "task.seq_len=12", RECALL),
    ("task=associative_recall", "task.num_pairs=1", RECALL),
    ("task=associative_recall", "task.num_keys=5", RECALL),
    ("task=associative_recall", "task.num_values=5", RECALL),
    ("task=associative_recall", "task.power=1.0", RECALL),
    ("task=associative_recall", "task.random_fill=true", RECALL),
    ("task=multiplication", "task.seq_len=13", ()),
    ("task=multiplication", "task.variant=hochreiter1997", ("eval.sequences=600",)),
    ("task=permutation", "task.seq_len=12", ()),
    ("task=permutation", "task.num_symbols=50", ()),
    ("task=memorization", "task.delay=3", ()),
    ("task=memorization", "task.num_symbols=3", ()),
    ("task=memorization", "task.copy_len=3", ()),
    ("task=denoise", "task.delay=3", ()),
    ("task=denoise", "task.num_symbols=3", ()),
    ("task=denoise", "task.copy_len=3", ()),
    ("task=selective_copy", "task.context_len=7", ()),
    ("task=selective_copy", "task.num_symbols=3", ()),
    ("task=selective_copy", "task.copy_len=3", ()),
    ("task=two_sequence", "task.delay=5", ()),
    ("task=two_sequence", "task.variant=2b", ()),
    ("task=two_sequence", "task.num_distractors=2", ("task.variant=2c",)),
    ("task=noisy_two_sequence", "task.seq_len=12", ()),
    ("task=noisy_two_sequence", "task.signal_len=2", ()),
    ("task=noisy_two_sequence", "task.variant=3b", ()),
    ("task=delayed_xor", "task.delay=3", ()),
    ("task=delayed_xor", "task.num_answers=5", ()),
    ("task=delayed_xor", "task.levels=2", ()),
    ("task=delayed_parity", "task.delay=3", ()),
    ("task=delayed_parity", "task.num_bits=2", ()),
    ("task=delayed_parity", "task.num_answers=5", ()),
    ("task=sequential_counting", "task.seq_len=15", ()),
    ("task=sequential_counting", "task.num_symbols=3", ()),
    ("task=reber", "task.seq_len=12", ()),
    ("clip=norm", "clip.max_norm=0.01", ()),
    ("clip=value", "clip.clip_value=0.001", ()),
    ("regularizer=omega", "regularizer.alpha=0.5", ("cell=elman",)),
    ("regularizer=omega", "regularizer.form=norm", ("cell=elman",)),
    ("optimizer=adam", "optimizer.lr=0.1", ()),
    ("optimizer=adam", "optimizer.betas=[0.5,0.9]", ()),
    ("optimizer=adam", "optimizer.eps=0.1", ()),
    ("optimizer=adam", "optimizer.weight_decay=0.1", ()),
    ("optimizer=adam", "optimizer.amsgrad=true", ("optimizer.betas=[0.0,0.01]",)),
    ("optimizer=rmsprop", "optimizer.lr=0.1", ()),
    ("optimizer=rmsprop", "optimizer.alpha=0.5", ()),
    ("optimizer=rmsprop", "optimizer.eps=0.1", ()),
    ("optimizer=rmsprop", "optimizer.weight_decay=0.1", ()),
    ("optimizer=rmsprop", "optimizer.momentum=0.9", ()),
    ("optimizer=rmsprop", "optimizer.centered=true", ()),
    ("optimizer=sgd", "optimizer.lr=0.1", ()),
    ("optimizer=sgd", "optimizer.momentum=0.9", ()),
    ("optimizer=sgd", "optimizer.dampening=0.5", ("optimizer.momentum=0.9",)),
    ("optimizer=sgd", "optimizer.weight_decay=0.1", ()),
    ("optimizer=sgd", "optimizer.nesterov=true", ("optimizer.momentum=0.9",)),
    ("schedule=cosine", "schedule.T_max=2", ()),
    ("schedule=cosine", "schedule.eta_min=0.001", ()),
    ("schedule=step", "schedule.step_size=1", ()),
    ("schedule=step", "schedule.gamma=0.5", ("schedule.step_size=1",)),
    ("schedule=exponential", "schedule.gamma=0.5", ()),
    *(
        (f"diagnostics={name}", f"diagnostics.{name}.{argument}", SATURATED.get(name, ()))
        for name, argument in (
            ("gradient_by_lag", "sequences=5"),
            ("jacobian", "sequences=2"),
            ("jacobian", "steps=3"),
            ("lyapunov", "count=3"),
            ("lyapunov", "sequences=2"),
            ("lyapunov", "steps=50"),
            ("lyapunov", "transient=0.4"),
            ("omega", "sequences=5"),
            ("saturation", "sequences=5"),
            ("saturation", "margin=0.4"),
            ("memory_capacity", "lags=2"),
            ("memory_capacity", "streams=16"),
            ("error_by_lag", "sequences=40"),
            ("error_by_lag", "bins=3"),
        )
    ),
    *(
        (
            "diagnostics=fixed_points",
            f"diagnostics.fixed_points.{argument}",
            ("cell.hidden_size=5",),
        )
        for argument in ("inputs=mean", "sequences=5", "starts=20", "noise=2.0", "steps=1")
    ),
    *(
        ("diagnostics=fixed_points", f"diagnostics.fixed_points.{argument}", UNFINISHED)
        for argument in ("fixed_below=0.001", "slow_below=0.01", "distance=5.0")
    ),
    ("trainer=default", "trainer.precision=64-true", ()),
    ("seed=0", "seed=1", ()),
    ("cell=lstm", "model.num_layers=2", ()),
    ("cell=lstm", "model.dropout=0.5", ("model.num_layers=2",)),
    ("cell=lstm", "model.output_nonlinearity=tanh", ()),
    ("cell=lstm", "model.match_params=900", ()),
    ("cell=lstm", "model.match_state=30", ()),
    ("cell=lstm", "train.steps=2", ()),
    ("cell=lstm", "train.batch_size=5", ()),
    ("cell=lstm", "train.min_seq_len=5", ()),
    ("cell=lstm", "train.block=1", ()),
    ("cell=lstm", "train.tbptt=4", ()),
    ("cell=lstm", "train.start_seq_len=5", ()),
    ("cell=lstm", "train.gradient_noise=0.3", ()),
    ("cell=lstm", "train.gradient_noise_decay=2.0", ("train.gradient_noise=0.3",)),
    ("cell=lstm", "train.decay_biases=false", ("optimizer.weight_decay=0.5",)),
    ("cell=lstm", "train.val_every=4", ()),
    ("cell=lstm", "train.data_seed=5", ()),
    ("cell=lstm", "eval.sequences=600", ()),
    ("cell=lstm", "eval.val_sequences=10", ()),
    ("cell=lstm", "eval.lengths=[15]", ()),
    ("cell=lstm", "eval.seed=1", ()),
]

SHORT = {
    "task=copy_memory": ("task.delay=2", "task.copy_len=2"),
    "task=teacher": ("task.seq_len=4",),
    "task=text": ("task.seq_len=10", *FEW),
    "task=japanese_vowels": ("task.seq_len=10", *FEW),
    "task=arrays": ("task.path={data}/labelled.npz", *FEW),
    "task=audio": ("task.path={data}/words", *FEW),
    "task=digits": FEW,
    "task=mnist1d": FEW,
    "task=mnist": ("task.path={data}/mnist", *FEW),
    "task=multiplication": ("task.seq_len=12",),
    "task=memorization": ("task.delay=2", "task.copy_len=2"),
    "task=denoise": ("task.delay=2", "task.copy_len=2"),
    "task=selective_copy": ("task.context_len=6", "task.copy_len=2"),
    "task=two_sequence": ("task.delay=4", "eval.sequences=10000"),
    "task=noisy_two_sequence": ("task.seq_len=10", "eval.sequences=1000"),
    "task=delayed_xor": ("task.delay=2", "task.num_answers=4"),
    "task=delayed_parity": ("task.delay=2", "task.num_answers=4"),
}

SHOWN_BY = {
    "task.rate": "tasks/test_audio.py",
    "train.stop_when_solved": "training/test_module.py",
    "resume.run": "runs/test_resume.py",
    "resume.allow_changes": "faults/test_kill.py",
    "train.nonfinite": "faults/test_nonfinite.py",
    "train.recompute_steps": "test_recomputed_steps",
    "allow_targets": "test_own.py",
    "trainer.accelerator": "test_trainer_options",
    "trainer.devices": "test_trainer_options",
    "trainer.deterministic": "test_trainer_options",
    "num_threads": "test_num_threads",
    "eval.batch_size": "test_how_many_are_scored_at_once",
    "flush_denormal": "runs/test_flush_denormal.py",
    "train.cuda_graph": "test_cuda.py",
    "optimizer.fused": "test_forms_of_an_optimizer",
    "optimizer.foreach": "test_forms_of_an_optimizer",
    "tracking.uri": "test_tracking_options",
    "tracking.experiment": "test_tracking_options",
    "tracking.log_model": "test_run.py",
}
OFTEN = {
    *("cell=elman", "cell=lstm", "task=adding", "task=copy_memory"),
    *("clip=norm", "optimizer=adam", "trainer=default", "seed=0"),
}
"""Choices whose rows the quick suite has; those of all others are slow."""
EMPTY = {"schedule", "diagnostics"}  # where none is chosen


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Trained]:
    """What comes of training with these overrides: many options have one run to differ from."""
    return functools.cache(lambda *arguments: trained(arguments, tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a user's."""
    folder = write_data(tmp_path_factory.mktemp("data"))
    write_words(folder / "noise", samples=900)
    write_mnist(folder / "mnist")
    write_mnist(folder / "other", train=48)
    return folder


@pytest.mark.parametrize(
    ("choice", "override", "beside"),
    [pytest.param(*row, marks=() if row[0] in OFTEN else pytest.mark.slow) for row in CHANGES],
    ids=lambda p: p if isinstance(p, str) else "",
)
def test_changes_a_number(
    run: Callable[..., Trained], data: Path, choice: str, override: str, beside: tuple[str, ...]
) -> None:
    small = tuple(o for o in SMALL if not o.startswith("task.")) + SHORT.get(
        choice, ("task.seq_len=10",)
    )
    written = (o.replace("{data}", str(data)) for o in (*small, choice, *beside, override))
    *base, changed = (*QUICK, *written)
    assert run(*base) != run(*base, changed)


def test_what_is_trained_here_is_what_a_command_trains(
    command: Command, home: Path, run: Callable[..., Trained]
) -> None:
    """Or all the above would be of another program. Only `diverged` is the command's own."""
    arguments = (*QUICK[:-1], *SMALL, "diagnostics=all", "cell=elman_clipped", "eval.lengths=[15]")
    finished = command(*arguments, "tracking.log_model=false", "hydra.run.dir=a")
    assert finished.status == 0, finished.err
    points = distinct_points(home / "a")
    assert points.pop(("diverged", 4)) == (0.0).hex()
    assert run(*arguments) == Trained(points, looks(home / "a"))
    assert {"train/loss", "test/loss", "recurrent/omega"} <= {key for key, _ in points}


def test_trainer_options(command: Command) -> None:
    refused = {
        "trainer.accelerator=cuda": "trainer",
        "trainer.devices=2": "trainer.devices=2 is not one device",
    }
    for override, message in refused.items():
        finished = command(override, *QUICK, *SMALL, *(["trainer=cpu"] * ("dev" in override)))
        assert finished.status == 2, override
        assert message in finished.err
    assert not torch.are_deterministic_algorithms_enabled()
    try:
        assert command("trainer=deterministic", *QUICK, *SMALL).status == 0
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.mark.parametrize(
    ("choice", "form"), [("adam", "fused"), ("sgd", "fused"), ("rmsprop", "foreach")]
)
def test_forms_of_an_optimizer(choice: str, form: str) -> None:
    """They may give the same bits: what they change is how torch's optimizer works."""
    for value in (True, False):
        module = make_module(run_config(f"optimizer={choice}", f"optimizer.{form}={value}"))
        assert module.make_optimizer(module.model.parameters()).defaults[form] is value


def blas_threads() -> set[int]:
    """Of numpy's BLAS, and of scipy's."""
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_num_threads(command: Command) -> None:
    assert command("num_threads=2", *QUICK, *SMALL).status == 0
    assert torch.get_num_threads() == 2
    assert blas_threads() == {2}
    assert command(*QUICK, *SMALL).status == 0
    assert torch.get_num_threads() == 1
    assert blas_threads() == {1}


def test_how_many_are_scored_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It changes no number but for rounding: what it bounds is what the model is given."""
    shown: list[int] = []
    module = make_module(run_config(*SMALL, "eval.batch_size=70", "eval.val_sequences=150"))
    module.model.register_forward_pre_hook(lambda _, given: shown.append(len(given[0])))
    module.evaluation.validate(module.model)
    assert shown == [70, 70, 10]


def test_recomputed_steps(tmp_path: Path) -> None:
    """It changes no number but for rounding: the model is given parts, and each of them again."""
    shown: list[int] = []
    small = (o for o in SMALL if not o.startswith("task."))
    arguments = (*QUICK, *small, "task=copy_memory", "task.delay=6", "task.copy_len=2")
    module = make_module(run_config(*arguments, "train.recompute_steps=4"))
    module.model.layers[0].register_forward_pre_hook(
        lambda _, given: shown.append(given[0].size(1))
    )
    trainer_of(module, tmp_path, Recorder(tmp_path), ()).fit(module)
    assert shown[:6] == [4, 4, 2, 2, 4, 4]  # forward, and on the way back


def test_tracking_options(command: Command, home: Path) -> None:
    other = home / "elsewhere"
    other.mkdir()
    (home / "mlflow.db").rename(other / "mlflow.db")
    uri = f"tracking.uri=sqlite:///{other}/mlflow.db"
    finished = command(uri, "tracking.experiment=mine", *QUICK, *SMALL)
    assert finished.status == 0, finished.err
    assert not (home / "mlflow.db").exists()
    experiment = client(other).get_experiment_by_name("mine")
    assert experiment is not None
    (run,) = client(other).search_runs([experiment.experiment_id])
    assert run.info.run_id == result_of(home).run_id
    assert f"mlflow ui --backend-store-uri sqlite:///{other}/mlflow.db" in finished.out


@pytest.mark.parametrize("group", [group for group in GROUPS if group != "experiment"])
def test_no_option_is_missing(group: str) -> None:
    shown = {(choice, override.split("=")[0]) for choice, override, _ in CHANGES}
    keys = {key for _, key in shown} | set(SHOWN_BY)
    for path in sorted((CONF / group).glob("*.yaml")):
        if "\ndefaults:" in path.read_text("utf-8"):
            continue  # it is made of another choice, whose options are shown
        choice = f"{group}={path.stem}"
        options = {key for key in leaves(plain(composed(choice))) if not key.endswith("_target_")}
        assert options - keys - EMPTY == set(), f"of {choice} these are not shown"
        alone = {key for made, key in shown if made == choice} | set(SHOWN_BY)
        own = {key for key in options if key.startswith(f"{group}.")}
        derived = "\ndefaults:\n" in path.read_text("utf-8")  # shown of the choice that it takes
        derived = "\ndefaults:" in path.read_text("utf-8")  # from a choice whose options are shown
        assert derived or own <= alone, f"of {choice} these are not shown: {own - alone}"
        assert own <= alone, f"of {choice} these are not shown: {own - alone}"


def test_what_shows_the_others_is_there() -> None:
    for place in SHOWN_BY.values():
        assert place in globals() or (Path(__file__).parent / place).is_file(), place
