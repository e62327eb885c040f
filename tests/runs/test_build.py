"""Oracle: the rules in the module's docstring, one refusal at a time, and what is imported on the way."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch.optim import SGD, Adam, Optimizer

from rnnlab.cells import Cell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.signals import Stopped
from rnnlab.runs.build import build, target_class
from rnnlab.training.clipping import Clip, ClipNorm, NoClip


@dataclass(frozen=True)
class Settings:
    """One argument of each type that a section may hold."""

    count: int = 1
    rate: float = 0.5
    flag: bool = False
    name: str = "a"
    limit: int | None = None
    lengths: list[int] = field(default_factory=list)
    pair: tuple[float, float] = (0.9, 0.999)
    mode: Literal["min", "max"] = "min"
    either: int | str = 0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"count={self.count} is too small: at least 0")
        if self.name == "together":
            raise ValueError("these do not go together")
        if self.name == "stranger":
            raise ValueError("stranger=1 is no argument of this class")
        if self.name == "deeper":
            raise ValueError("inner.depth=3 is too deep")
        if self.name == "type":
            raise TypeError("unsupported operand")
        if self.name == "fault":
            raise ZeroDivisionError


class Untyped:
    """Arguments as a user may write them, with no type, any type, or half a type."""

    def __init__(self, bare=None, anything: Any = None, items: list | None = None) -> None:
        self.arguments = {"bare": bare, "anything": anything, "items": items}


class HalfKnown:
    """A type that Python cannot look up when the program runs, as of an import for types alone."""

    def __init__(self, size: int = 1) -> None:
        self.size = size


HalfKnown.__init__.__annotations__["size"] = "known.only.to.checkers"


def make(config: dict[str, Any]) -> Settings:
    return build("train", config, Settings)()


ACCEPTED = {
    "count": [0, 7],
    "rate": [0.25, 3, 1e-8],
    "flag": [True, False],
    "name": ["", "b"],
    "limit": [None, 3],
    "lengths": [[], [1, 2]],
    "pair": [[0.5, 1]],
    "mode": ["min", "max"],
    "either": [3, "x"],
    "options": [{}, {"a": 1}],
}
REFUSED = [
    ("count", 1.0, "1.0 is not an integer"),
    ("count", "1", "'1' is not an integer"),
    ("count", True, "True is not an integer"),
    ("count", None, "None is not an integer"),
    ("count", [1], r"\[1\] is not an integer"),
    ("rate", "0.5", "'0.5' is not a number"),
    ("rate", True, "True is not a number"),
    ("rate", None, "None is not a number"),
    ("rate", {"a": 1}, "{'a': 1} is not a number"),
    ("flag", 0, "0 is not true or false"),
    ("flag", "yes", "'yes' is not true or false"),
    ("flag", None, "None is not true or false"),
    ("name", 3, "3 is not text"),
    ("name", None, "None is not text"),
    ("name", ["a"], r"\['a'\] is not text"),
    ("limit", "no", "'no' is not an integer or null"),
    ("limit", 1.5, "1.5 is not an integer or null"),
    ("limit", False, "False is not an integer or null"),
    ("lengths", 100, "100 is not list"),
    ("lengths", [1, "2"], r"\[1, '2'\] is not list"),
    ("lengths", [1.0], r"\[1.0\] is not list"),
    ("lengths", [True], r"\[True\] is not list"),
    ("lengths", "100", "'100' is not list"),
    ("lengths", None, "None is not list"),
    ("pair", ["a", 1], r"\['a', 1\] is not a list of 2"),
    ("pair", 0.9, "0.9 is not a list of 2"),
    ("mode", "mean", "'mean' is not 'min' or 'max'"),
    ("mode", None, "None is not 'min' or 'max'"),
    ("either", 1.5, "1.5 is not an integer or text"),
    ("options", [1], r"\[1\] is not dict"),
]


def test_every_argument_is_tried():
    assert set(ACCEPTED) == set(Settings.__dataclass_fields__)
    assert set(ACCEPTED) == {key for key, *_ in REFUSED}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in ACCEPTED.items() for v in vs])
def test_a_value_of_the_right_type_arrives_as_it_is(key, value):
    made = getattr(make({key: value}), key)
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(("key", "value", "message"), REFUSED)
def test_a_value_of_the_wrong_type_is_refused(key, value, message):
    with pytest.raises(ValueError, match=rf"^train\.{key}={message}"):
        build("train", {key: value}, Settings)  # before anything is made


@pytest.mark.parametrize("value", [1, "x", [1, "x"], {"a": None}, None])
@pytest.mark.parametrize("key", ["bare", "anything"])
def test_an_argument_of_no_type_takes_anything(key, value):
    assert build("cell", {key: value}, Untyped)().arguments[key] == value


def test_a_type_that_nobody_can_look_up_takes_anything():
    assert build("task", {"size": "big"}, HalfKnown)().size == "big"


def test_a_list_of_anything():
    assert build("cell", {"items": [1, "x"]}, Untyped)().arguments["items"] == [1, "x"]


def test_what_is_not_given_stays_at_its_default():
    assert make({}) == Settings()
    assert make({"count": 3}) == Settings(count=3)


@pytest.mark.parametrize(
    ("key", "nearest"), [("cuont", "count"), ("lenghts", "lengths"), ("Rate", "rate")]
)
def test_an_unknown_key_is_refused_with_the_nearest_one(key, nearest):
    with pytest.raises(ValueError, match=rf"^train\.{key} is unknown: did you mean {nearest}\?"):
        build("train", {key: 1}, Settings)


def test_an_unknown_key_like_none_is_refused_with_all_of_them():
    with pytest.raises(
        ValueError, match=r"^train\.zzz is unknown: Allowed: count, rate, .*options$"
    ):
        build("train", {"zzz": 1}, Settings)


def test_what_rnnlab_sets_is_no_key():
    message = r"^train\.count cannot be set: rnnlab sets it"
    with pytest.raises(ValueError, match=message):
        build("train", {"count": 1}, Settings, count=2)
    made = build("train", {"rate": 0.1}, Settings, count=2)()
    assert made == Settings(count=2, rate=0.1)


def test_arguments_of_the_call_come_first():
    cell = build("cell", {"_target_": "rnnlab.cells.gru.GRUCell", "hidden_size": 3}, Cell)(2)
    assert isinstance(cell, GRUCell)
    assert (cell.input_size, cell.hidden_size) == (2, 3)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"count": -1}, r"^train\.count=-1 is too small: at least 0$"),
        ({"name": "together"}, "^train: these do not go together$"),
        ({"name": "stranger"}, "^train: stranger=1 is no argument of this class$"),
        ({"name": "deeper"}, r"^train: inner\.depth=3 is too deep$"),
        ({"name": "type"}, "^train: unsupported operand$"),
    ],
)
def test_messages_name_the_section_once(config, message):
    with pytest.raises(ValueError, match=message):
        make(config)


def test_a_fault_of_the_program_is_no_message():
    with pytest.raises(ZeroDivisionError):
        make({"name": "fault"})


def nested(cell: dict[str, Any], model: dict[str, Any]) -> SequenceModel:
    make_cell = build("cell", {"_target_": "rnnlab.cells.lstm.LSTMCell", **cell}, Cell)
    sizes = {"cell": make_cell, "input_size": 2, "output_size": 1}
    return build("model", model, SequenceModel, **sizes)()


@pytest.mark.parametrize(
    ("cell", "model", "message"),
    [
        ({"hidden_size": 0}, {}, r"^cell\.hidden_size=0 is too small: at least 1$"),
        ({"chrono": 9}, {}, r"^cell\.chrono=9 and forget_bias=1\.0 both "),
        ({}, {"num_layers": 0}, r"^model\.num_layers=0 is too small: at least 1$"),
        ({}, {"dropout": 0.5}, r"^model\.dropout=0\.5 acts between layers"),
        ({}, {"cell": 3}, r"^model\.cell cannot be set"),
        ({}, {"input_size": 3}, r"^model\.input_size cannot be set"),
    ],
)
def test_nested_sections_are_named_once(cell, model, message):
    with pytest.raises(ValueError, match=message):
        nested(cell, model)


def test_a_nested_build_works():
    model = nested({"hidden_size": 7, "forget_bias": None}, {"num_layers": 2})
    assert [layer.hidden_size for layer in model.layers] == [7, 7]


def test_a_nested_message_without_a_value_is_named_once():
    make_cell = build("cell", {"_target_": "rnnlab.cells.Cell", "hidden_size": 3}, Cell)
    sizes = {"cell": make_cell, "input_size": 2, "output_size": 1}
    with pytest.raises(ValueError, match="abstract") as caught:
        build("model", {}, SequenceModel, **sizes)()
    assert str(caught.value).startswith("cell: ")


def test_a_missing_argument_is_refused():
    with pytest.raises(ValueError, match=r"^cell: .*missing 1 required .*input_size"):
        build("cell", {"_target_": "rnnlab.cells.lstm.LSTMCell"}, Cell)()


@pytest.mark.parametrize(
    ("target", "kind", "expected"),
    [
        ("rnnlab.cells.elman.ElmanCell", Cell, ElmanCell),
        ("rnnlab.cells.lstm.LSTMCell", Cell, LSTMCell),
        ("rnnlab.training.clipping.NoClip", Clip, NoClip),
        ("torch.optim.Adam", Optimizer, Adam),
        ("torch.optim.sgd.SGD", Optimizer, SGD),
        ("torch.nn.Linear", torch.nn.Module, torch.nn.Linear),
    ],
)
def test_allowed_targets(target, kind, expected):
    assert target_class("section", target, kind) is expected


OUTSIDE = [
    "os.system",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.exec",
    "builtins.object",
    "shutil.copy",
    "pathlib.Path",
    "importlib.import_module",
    "pickle.loads",
    "hydra.utils.instantiate",
    "numpy.ndarray",
    "collections.OrderedDict",
    "torchvision.models.resnet18",
    "rnnlabx.foo",
    "rnnlab_evil.Cell",
    "xrnnlab.cells.elman.ElmanCell",
    "..rnnlab.cells.elman.ElmanCell",
    " rnnlab.cells.elman.ElmanCell",
    "RNNLAB.cells.ElmanCell",
    "ElmanCell",
    "torch",
    "rnnlab",
    "",
    5,
    None,
    True,
    ["rnnlab.cells.elman.ElmanCell"],
    {"_target_": "rnnlab.cells.elman.ElmanCell"},
]
NOT_THERE = [
    "rnnlab.run.os.system",
    "rnnlab.cells.ElmanCel",
    "rnnlab.cell.ElmanCell",
    "rnnlab.",
    "rnnlab..cells.ElmanCell",
    "torch..optim.Adam",
    "rnnlab.cells.elman.ElmanCell.step",
    "rnnlab.cells.\x00.ElmanCell",
    "torch.os.system",
]
WRONG_KIND = [
    "torch.load",
    "torch.hub.load",
    "torch.nn.Linear",
    "torch.nn.LSTMCell",
    "torch.os",
    "torch.hub.sys",
    "rnnlab.cells",
    "rnnlab.cells.State",
    "rnnlab.cells.elman.torch",
    "rnnlab.run.main",
    "rnnlab.training.clipping.ClipNorm",
    "rnnlab.cells.sequence_model.SequenceModel",
    "pytorch_lightning.Trainer",
]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        *((target, r"is not in an allowed package \(rnnlab, torch, ") for target in OUTSIDE),
        *((target, "cannot be imported: ") for target in NOT_THERE),
        *((target, "is not a Cell$") for target in WRONG_KIND),
    ],
)
def test_refused_targets(target, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        target_class("cell", target, Cell)
    assert str(caught.value).startswith(f"cell._target_={target!r} ")
    with pytest.raises(ValueError, match=reason):
        build("cell", {"_target_": target}, Cell)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Modules on sys.path that leave a file `imported` beside them; mypkg holds cells."""
    flag = f"from pathlib import Path\nPath({str(tmp_path / 'imported')!r}).touch()\n"
    cells = (
        "from rnnlab.cells import Cell\n"
        "class MyCell(Cell):\n"
        "    def __init__(self, input_size: int, hidden_size: int = 4, gain: float = 1.0) -> None:\n"
        "        super().__init__(input_size, hidden_size)\n"
        "    def step(self, inputs, state):\n"
        "        return state\n"
        "class NoCell: ...\n"
        "def function(input_size): ...\n"
    )
    for name in ("flagged", "rnnlabx", "torchx", "mypkgx"):
        (tmp_path / f"{name}.py").write_text(flag + cells)
    (tmp_path / "mypkg").mkdir()
    (tmp_path / "mypkg" / "__init__.py").write_text(cells)
    (tmp_path / "mypkg" / "deep.py").write_text(cells)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("flagged", "rnnlabx", "torchx", "mypkg", "mypkgx"):
            del sys.modules[name]


@pytest.mark.parametrize("allow", [[], ["mypkg"]])
@pytest.mark.parametrize("module", ["flagged", "rnnlabx", "torchx", "mypkgx"])
def test_nothing_outside_the_allowed_packages_is_imported(packages, module, allow):
    with pytest.raises(ValueError, match="is not in an allowed package"):
        build("cell", {"_target_": f"{module}.MyCell"}, Cell, allow)
    assert module not in sys.modules
    assert not (packages / "imported").exists()
    target_class("cell", f"{module}.MyCell", Cell, [module])  # the flag can be raised
    assert (packages / "imported").exists()


@pytest.mark.parametrize("module", ["mypkg", "mypkg.deep"])
def test_a_package_of_ones_own(packages, module):
    config = {"_target_": f"{module}.MyCell", "hidden_size": 6, "gain": 2}
    cell = build("cell", config, Cell, ["mypkg"])(3)
    assert isinstance(cell, Cell)
    assert (type(cell).__module__, cell.hidden_size) == (module, 6)
    with pytest.raises(ValueError, match=r"allow_targets=\[package\]"):
        build("cell", config, Cell)
    for name in ("NoCell", "function", "deep"):
        with pytest.raises(ValueError, match=r"is not a Cell$|cannot be imported"):
            target_class("cell", f"{module}.{name}", Cell, ["mypkg"])
    with pytest.raises(ValueError, match=r"is not in an allowed package .*mypkg"):
        target_class("cell", "os.system", Cell, ["mypkg"])
    with pytest.raises(ValueError, match=r"^cell\.gian is unknown: did you mean gain\?"):
        build("cell", {**config, "gian": 1}, Cell, ["mypkg"])


def test_a_module_that_ends_the_process_does_not(packages):
    (packages / "ending.py").write_text("import sys\nsys.exit('I end')\n")
    with pytest.raises(ValueError, match=r"^cell\._target_='ending.X' cannot be imported: I end"):
        target_class("cell", "ending.X", Cell, ["ending"])
    stop = "from rnnlab.foundation.signals import Stopped\nraise Stopped(15)\n"
    (packages / "stopped.py").write_text(stop)
    with pytest.raises(Stopped):  # a signal meanwhile is none of that
        target_class("cell", "stopped.X", Cell, ["stopped"])


def test_arguments_are_those_of_torchs_classes():
    """Oracle: torch's own defaults, and a list where torch has a tuple."""
    config = {"_target_": "torch.optim.Adam", "lr": 0.1, "betas": [0.5, 0.6]}
    weights = [torch.nn.Parameter(torch.zeros(2))]
    optimizer = build("optimizer", config, Optimizer)(weights)
    assert optimizer.defaults["lr"] == 0.1
    assert list(optimizer.defaults["betas"]) == [0.5, 0.6]
    assert optimizer.defaults["eps"] == Adam(weights).defaults["eps"]
    for key, value in {"betas": 0.5, "amsgrad": 1, "eps": "x"}.items():
        with pytest.raises(ValueError, match=rf"^optimizer\.{key}="):
            build("optimizer", {**config, key: value}, Optimizer)
    with pytest.raises(ValueError, match=r"^optimizer: Invalid learning rate: -1"):
        build("optimizer", {**config, "lr": -1.0}, Optimizer)(weights)


def test_a_class_without_arguments_takes_none():
    assert isinstance(
        build("clip", {"_target_": "rnnlab.training.clipping.NoClip"}, Clip)(), NoClip
    )
    with pytest.raises(ValueError, match=r"^clip\.max_norm is unknown"):
        build("clip", {"_target_": "rnnlab.training.clipping.NoClip", "max_norm": 1.0}, Clip)
    clip = build("clip", {"_target_": "rnnlab.training.clipping.ClipNorm", "max_norm": 2}, Clip)()
    assert isinstance(clip, ClipNorm)
    assert clip.max_norm == 2
