"""Oracle: sorting a handful of runs by hand."""

import random

from rnnlab.report.grid import Grid, make_grid
from tests.support.made_runs import run


def test_cells_by_variant_task_and_length() -> None:
    runs = [
        run(variant, task, length, seed)
        for variant in ("gru", "lstm")
        for task, length in (("adding", 50), ("adding", 100), ("copy_memory", 20))
        for seed in (0, 1)
    ]
    random.Random(0).shuffle(runs)
    grid = make_grid(runs)
    assert grid.labels == ["gru", "lstm"]
    assert grid.places == [("adding", 50), ("adding", 100), ("copy_memory", 20)]
    assert [len(group.runs) for group in grid.groups] == [2] * 6
    assert [run.seed for run in grid.groups[0].runs] == [0, 1]
    assert grid.missing == []
    assert grid.repeated == ()
    assert [group.label for group in grid.at(("adding", 100))] == ["gru", "lstm"]


def test_groups_stand_by_place_and_there_the_best_outcome_first() -> None:
    """Most solved, then in the fewest updates, then the lowest loss; without a result last."""
    runs = [
        run("none", status="FAILED", seed=0),
        *(run("learnt", seed=s, loss=0.05) for s in (0, 1)),
        *(run("blind", seed=s, loss=0.16) for s in (0, 1)),
        *(run("slow", seed=s, solved_at=900.0, loss=0.001) for s in (0, 1)),
        *(run("quick", seed=s, solved_at=200.0, loss=0.01) for s in (0, 1)),
        *(run("half", seed=s, solved_at=100.0 if s else None) for s in (0, 1)),
        run("blind", length=20, loss=0.16),
        run("half", length=20, loss=0.15),
    ]
    groups = [(group.length, group.label) for group in make_grid(runs).groups]
    best = ["quick", "slow", "half", "learnt", "blind", "none"]
    assert groups == [(20, "half"), (20, "blind"), *((50, label) for label in best)]


def test_what_else_differs_splits_a_cell_and_is_named() -> None:
    fast = {"optimizer.lr": "0.01", "train.data_seed": "1"}
    lstm = run("lstm", params={"cell.forget_bias": "1.0"})
    grid = make_grid([run(), run(started=1, params=fast), lstm])
    assert grid.labels == [
        "gru optimizer.lr=0.005",
        "gru optimizer.lr=0.01",
        "lstm optimizer.lr=0.005",
    ]


def test_a_run_from_before_an_option_is_as_one_that_leaves_it_out() -> None:
    runs = [run(), run(seed=1, params={"train.min_seq_len": "null"})]
    assert make_grid(runs).labels == ["gru"]
    runs.append(run(seed=2, params={"train.min_seq_len": "20"}))
    assert make_grid(runs).labels == ["gru train.min_seq_len=20", "gru train.min_seq_len=null"]


def test_seeds_sizes_and_where_it_was_recorded_split_nothing() -> None:
    other = {
        *("train.data_seed", "num_params", "tracking.uri", "num_threads", "diagnostics.omega.x"),
        *("chance_error", "work", "depth", "about_cell", "about_task"),  # an older rnnlab had none
    }
    grid = make_grid([run(seed=0), run(seed=1, params=dict.fromkeys(other, "7"))])
    assert [group.label for group in grid.groups] == ["gru"]


def test_missing_cells_are_named() -> None:
    runs = [run(seed=s) for s in (0, 1, 2)] + [run("lstm", seed=1)] + [run("lstm", "adding", 100)]
    assert make_grid(runs).missing == [
        "gru · adding 100: all seeds",
        "lstm · adding 50: seeds 0, 2",
        "lstm · adding 100: seeds 1, 2",
    ]
    far = [*runs, run("lstm", "adding", 200, seed=1), run("lstm", "adding", 200)]
    assert make_grid(far).missing[0] == "gru · adding 100, 200: all seeds"


def test_the_newest_finished_of_two_runs_of_one_seed_counts() -> None:
    old, new = run(started=1, loss=0.3), run(started=2, loss=0.2)
    dead = run(started=3, status="FAILED")
    for order in ([old, new, dead], [dead, new, old]):
        grid = make_grid(order)
        (group,) = grid.groups
        assert group.losses == [0.2]
        assert grid.repeated == (old, dead)
    (group,) = make_grid([dead]).groups
    assert group.finished == ()


def test_a_cell_by_hand() -> None:
    runs = [
        run(seed=0, solved_at=100, loss=0.01),
        run(seed=1, solved_at=300, loss=0.03),
        run(seed=2, loss=0.2),
        run(seed=3, loss=None, diverged=1.0),
        run(seed=4, status="FAILED", loss=0.0, solved_at=1),
    ]
    (group,) = make_grid(runs).groups
    assert group.solved == (2, 4)
    assert group.losses == [0.01, 0.03, 0.2]
    assert group.median_steps == 300
    assert group.ended("FAILED") == 1
    assert group.chance == 1 / 6
    assert group.gradient_norm == 2.25  # seed s has 1 and 2 + s; of 1.5, 2, 2.5 and 3
    (unsolved,) = make_grid(runs[1:4]).groups
    assert unsolved.median_steps is None


def test_the_horizon_is_a_bracket() -> None:
    solved = {10: 2, 20: 2, 40: 1, 80: 0, 160: 0}
    runs = [
        run(length=length, seed=seed, solved_at=100 if seed < count else None)
        for length, count in solved.items()
        for seed in (0, 1)
    ]
    grid = make_grid([*runs, run("elman", length=10), run("lstm", length=10, solved_at=5)])
    assert bracket(grid, "gru") == (40, 80)
    assert bracket(grid, "elman") == (0, 10)
    assert bracket(grid, "lstm") == (10, None)
    assert grid.horizon("lstm", "copy_memory") is None
    assert bracket(make_grid(runs, search_share=0.6), "gru") == (20, 40)


def test_a_searchs_estimate_is_from_all_lengths() -> None:
    """Two of two at 10 and at 20, one of two at 40, none at 80: the crossing is at 40 itself.

    Two are too few to reject a crossing beyond them, four are not.
    """
    counts = {10: 2, 20: 2, 40: 1, 80: 0}
    runs = [
        run(length=length, seed=seed, solved_at=100 if seed < count else None)
        for length, count in counts.items()
        for seed in (0, 1)
    ]
    lost = [run("lstm", length=n, seed=s, status="FAILED") for n, s in ((10, 0), (20, 1))]
    grid = make_grid([*runs, *lost, run("lstm", length=20)], search_share=0.5)
    assert str(grid.estimate("gru", "adding")) == "40 [10 or more]"
    assert grid.undecided("gru", "adding") is None
    undecided = grid.undecided("lstm", "adding")
    assert undecided is not None
    assert undecided.length == 10
    assert str(grid.estimate("lstm", "adding")) == "under 20 [0 or more]"
    assert grid.estimate("gru", "copy_memory") is None


def bracket(grid: Grid, label: str) -> tuple[int, int | None]:
    found = grid.horizon(label, "adding")
    assert found is not None
    assert not found.undecided
    return found.length, found.beyond.length if found.beyond else None


def test_a_length_where_every_run_failed_is_undecided() -> None:
    runs = [run(solved_at=5), *(run(length=100, seed=s, status="FAILED") for s in (0, 1))]
    found = make_grid(runs).horizon("gru", "adding")
    assert found is not None
    assert (found.length, found.undecided) == (50, True)
    assert found.beyond is not None
    assert found.beyond.length == 100


def test_a_search_misses_seeds_and_no_lengths() -> None:
    runs = [run(seed=0), run(seed=1), run("lstm", length=20, seed=1)]
    assert make_grid(runs).missing == [
        "gru · adding 20: all seeds",
        "lstm · adding 20: seeds 0",
        "lstm · adding 50: all seeds",
    ]
    assert make_grid(runs, search_share=0.5).missing == ["lstm · adding 20: seeds 0"]


def test_another_definition_of_a_task_is_another_task() -> None:
    definitions = ({"task.variant": name} for name in ("bai2018", "pascanu2013"))
    bai, pascanu = (
        [run(variant, params=params) for variant in ("gru", "lstm")] for params in definitions
    )
    grid = make_grid([*bai, *pascanu])
    assert grid.labels == ["gru", "lstm"]
    assert grid.places == [("adding variant=bai2018", 50), ("adding variant=pascanu2013", 50)]
    assert make_grid(bai).places == [("adding", 50)]
    drawn = [run(seed=s, params={"task.seed": str(s)}) for s in (0, 1)]
    assert make_grid(drawn).places == [("adding", 50)]
    assert len(make_grid([*drawn, run(seed=2, params={"task.seed": "0"})]).places) == 2


def test_runs_that_differ_in_their_data_seed_all_count() -> None:
    runs = [run(started=n, params={"train.data_seed": str(n)}) for n in range(5)]
    grid = make_grid(runs)
    assert [len(group.runs) for group in grid.groups] == [5]
    assert grid.repeated == ()


def test_runs_of_rnnlab_01_are_of_the_same_setting() -> None:
    """It had the classes in other modules. A class of somebody else's is another."""
    old = {"cell._target_": "rnnlab.cells.GRUCell", "clip._target_": "rnnlab.clipping.NoClip"}
    new = {
        "cell._target_": "rnnlab.cells.gru.GRUCell",
        "clip._target_": "rnnlab.training.clipping.NoClip",
    }
    grid = make_grid([run(seed=0, params=old), run(seed=1, params=new)])
    assert [(group.label, len(group.runs)) for group in grid.groups] == [("gru", 2)]
    grid = make_grid(
        [run(seed=0, params=old), run(seed=1, params=new | {"cell._target_": "my.GRUCell"})]
    )
    assert len(grid.groups) == 2


def test_a_length_is_no_setting_whatever_its_key() -> None:
    """Oracle: without `length_key`, another value of it is another setting."""
    gaps = [{"task.gap": str(n), "length_key": "task.gap"} for n in (5, 6)]
    runs = [run(length=5, seed=0, params=gaps[0]), run(length=6, seed=0, params=gaps[1])]
    assert {group.task for group in make_grid(runs).groups} == {"adding"}
    del gaps[0]["length_key"], gaps[1]["length_key"]
    runs = [run(length=5, seed=0, params=gaps[0]), run(length=6, seed=0, params=gaps[1])]
    assert {group.task for group in make_grid(runs).groups} == {"adding gap=5", "adding gap=6"}
