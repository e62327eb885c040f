"""What follows from a key. Oracle: what each line below says of itself."""

from pathlib import Path

import pytest

from rnnlab.foundation.yaml_file import sealed
from rnnlab.runs.follows import followers

CONFIG = """
train: {steps: 4, val_every: 4}
schedule:
  step_size: 4  # the same number, and another matter
  T_max: ${train.steps}
  milestones: [1, "${train.steps}"]
  inner: {total: "${..T_max}"}
  last: ${train.val_every}
  name: "of ${train.steps}"
  job: ${hydra:job.num}
eval: {sequences: "${train.steps}"}
"""


def test_what_follows_from_a_key(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(sealed(CONFIG))
    assert followers(path, "train.steps", 4, 8) == {
        "schedule.T_max": "${train.steps}",
        "schedule.milestones": '[1, "${train.steps}"]',
        "schedule.inner.total": "${..T_max}",
        "schedule.name": "of ${train.steps}",
        "eval.sequences": "${train.steps}",
    }
    assert followers(path, "train.steps", 4, 4) == {}
    assert list(followers(path, "train.val_every", 4, 8)) == ["schedule.last"]


@pytest.mark.parametrize("text", ["[1]", "a: [", "a: ${", "\x00"])
def test_what_is_no_config(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(sealed(text))
    with pytest.raises(ValueError, match=r"config\.yaml cannot be read: "):
        followers(path, "train.steps", 4, 8)


def test_a_config_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot be read: .*No such file"):
        followers(tmp_path / "config.yaml", "train.steps", 4, 8)
