"""The sentences that a comparison opens with. Oracle: what a reader of the table would say of it."""

import pytest

from rnnlab.report.answer import answers
from rnnlab.report.grid import make_grid
from rnnlab.report.read_runs import Run
from tests.support.made_runs import run

AT_CHANCE = 0.17  # of the adding problem it is 1/6


def of(
    variant: str, seeds: int, solved: int = 0, length: int = 100, loss: float = 0.1
) -> list[Run]:
    return [
        run(variant, length=length, seed=s, loss=loss, solved_at=100.0 if s < solved else None)
        for s in range(seeds)
    ]


def answered(groups: list[list[Run]]) -> list[str]:
    return answers(make_grid([made for group in groups for made in group]))


def lost(variant: str, status: str = "FAILED", length: int = 100, seed: int = 9) -> list[Run]:
    return [run(variant, length=length, seed=seed, status=status)]


def diverged(variant: str, seed: int = 8) -> list[Run]:
    return [run(variant, length=100, seed=seed, loss=None, diverged=1.0)]


@pytest.mark.parametrize(
    ("groups", "answer"),
    [
        (
            [of("gru", 3, 3), of("lstm", 3), of("elman", 3), of("elman_clipped", 3)],
            "gru solved adding at 100 in 3 of 3 seeds; elman, elman_clipped and lstm in none of 3.",
        ),
        (
            [of("gru", 3, 1), of("lstm", 3, 3), of("elman", 3, loss=AT_CHANCE), of("x", 3)],
            (
                "lstm solved adding at 100 in 3 of 3 seeds; gru in 1 of 3; x in none of 3; "
                "elman in none of 3 (at chance)."
            ),
        ),
        ([of("gru", 3, 3), of("lstm", 3, 3)], "gru and lstm solved adding at 100 in 3 of 3 seeds."),
        ([of("gru", 5, 3)], "gru solved adding at 100 in 3 of 5 seeds."),
        (
            [of("gru", 3, loss=AT_CHANCE), of("lstm", 3, loss=AT_CHANCE)],
            (
                "No variant solved adding at 100 in any of 3 seeds. "
                "Little or nothing was learnt: all losses are above 95 % of chance (0.1667)."
            ),
        ),
        (
            [of("gru", 3, loss=0.05), of("lstm", 3, loss=AT_CHANCE)],
            (
                "No variant solved adding at 100 in any of 3 seeds. "
                "The lowest mean loss is gru's, 0.05; chance is 0.1667."
            ),
        ),
        (
            [of("gru", 5)],
            (
                "gru did not solve adding at 100 in any of 5 seeds. "
                "Its mean loss is 0.1; chance is 0.1667."
            ),
        ),
    ],
    ids=["one", "some", "all", "alone", "at chance", "none", "none alone"],
)
def test_at_one_length(groups: list[list[Run]], answer: str) -> None:
    assert answered(groups) == [answer]


@pytest.mark.parametrize(
    ("groups", "answer"),
    [
        ([of("gru", 1, 1)], "gru solved adding at 100 (one seed)."),
        ([of("gru", 1, 1), of("x", 1)], "gru solved adding at 100; x did not (one seed each)."),
        (
            [of("gru", 1, 1), diverged("x")],
            "gru solved adding at 100; x did not (diverged) (one seed each).",
        ),
        (
            [of("gru", 1)],
            "gru did not solve adding at 100 (one seed). Its loss is 0.1; chance is 0.1667.",
        ),
        (
            [of("gru", 1), of("x", 1)],
            (
                "No variant solved adding at 100 (one seed each). "
                "The lowest loss is gru's, 0.1; chance is 0.1667."
            ),
        ),
        (
            [of("gru", 1, loss=AT_CHANCE)],
            (
                "gru did not solve adding at 100 (one seed). "
                "Little or nothing was learnt: the loss is above 95 % of chance (0.1667)."
            ),
        ),
    ],
)
def test_of_one_seed_each(groups: list[list[Run]], answer: str) -> None:
    assert answered(groups) == [answer]


@pytest.mark.parametrize(
    ("groups", "answer"),
    [
        (
            [of("gru", 2, 2), lost("gru"), of("x", 2), diverged("x")],
            "gru solved adding at 100 in 2 of 3 seeds (1 failed); x in none of 3 (1 diverged).",
        ),
        (
            [of("gru", 2, 2), lost("x"), lost("x", "KILLED", seed=8)],
            "gru solved adding at 100 in 2 of 2 seeds. No run of x has finished (1 failed, 1 stopped).",
        ),
        (
            [of("gru", 2), of("x", 2), diverged("x"), diverged("gru"), lost("x")],
            (
                "No variant solved adding at 100 in any seed. The lowest mean loss is gru's, 0.1; chance "
                "is 0.1667. Diverged or not finished: gru (1 diverged); x (1 diverged, 1 failed)."
            ),
        ),
        (
            [diverged("x"), diverged("x", 1)],
            "x did not solve adding at 100 in any of 2 seeds (2 diverged).",
        ),
        ([lost("x"), lost("gru")], "No run of adding at 100 has finished (1 failed)."),
    ],
)
def test_runs_that_diverged_or_have_no_result_are_named(
    groups: list[list[Run]], answer: str
) -> None:
    assert answered(groups) == [answer]


def at_lengths(variant: str, seeds: int, solved: dict[int, int], loss: float = 0.1) -> list[Run]:
    return [made for n, count in solved.items() for made in of(variant, seeds, count, n, loss)]


def test_of_several_lengths_it_says_how_far() -> None:
    runs = [
        *at_lengths("gru", 5, {20: 5, 50: 5, 100: 5}),
        *at_lengths("lstm", 5, {20: 5, 50: 4, 100: 0}, loss=AT_CHANCE),
        *at_lengths("elman", 5, {20: 5, 50: 1}),
        *at_lengths("elman_clipped", 5, {20: 5, 50: 1}),
        *at_lengths("x", 5, {20: 0}),
        *lost("y"),
    ]
    assert answers(make_grid(runs)) == [
        (
            "adding: gru solved lengths up to 100 (5 of 5 seeds), the longest tried; "
            "lstm up to 50 (4 of 5), not 100 (0 of 5, at chance); "
            "elman and elman_clipped up to 20 (5 of 5), not 50 (1 of 5); x not even 20 (0 of 5). "
            "No run of y has finished (1 failed)."
        ),
        (
            "Up to a length means: at least half of the seeds solved it, and every shorter one that was "
            "tried."
        ),
    ]


def test_of_several_lengths_none_solved() -> None:
    losses = {"gru": 0.1, "x": AT_CHANCE}
    for loss, rest in (
        (0.1, ""),
        (AT_CHANCE, " Little or nothing was learnt: all losses are above 95 %"),
    ):
        runs = at_lengths("gru", 2, {20: 0, 50: 0}, loss) + at_lengths("x", 2, {20: 0}, losses["x"])
        (answer,) = answers(make_grid(runs))
        assert answer.startswith(f"adding: no variant solved it at 20 or 50 in any seed.{rest}")
    (answer,) = answers(make_grid(at_lengths("gru", 2, {20: 0, 50: 0})))
    assert answer == "adding: gru did not solve it at 20 or 50 in any seed."
    lost_too = [*at_lengths("gru", 2, {20: 0, 50: 0}), *lost("gru", length=20), *diverged("gru")]
    (answer,) = answers(make_grid([*lost_too, *lost("x"), *lost("x", "KILLED", 20)]))
    assert answer == (
        "adding: gru did not solve it at 20, 50 or 100 in any seed. "
        "Diverged or not finished: gru (1 diverged, 1 failed). "
        "No run of x has finished (1 stopped, 1 failed)."
    )


def test_a_gap_is_told() -> None:
    runs = at_lengths("gru", 2, {10: 2, 20: 0, 40: 2, 80: 2}) + at_lengths("x", 2, {10: 0, 20: 2})
    assert answers(make_grid(runs))[0] == (
        "adding: gru solved lengths up to 10 (2 of 2 seeds), not 20 (0 of 2), though 40 and 80; "
        "x not even 10 (0 of 2), though 20."
    )
    assert answers(make_grid(at_lengths("x", 2, {10: 0, 20: 2})))[0] == (
        "adding: x did not solve 10 (0 of 2 seeds), though 20."
    )


def test_a_searchs_answer_is_its_horizons() -> None:
    """80 % of five seeds are four: 3 of 5 is not solved, 3 and two failed ones nobody can tell.

    The intervals: five of five at .8 have a likelihood of .8^5, 2.2 in twice its log, which is less
    than 3.8; ten of ten 4.5; one of five at .8 has 7.9.
    """
    runs = [
        *at_lengths("gru", 5, {10: 5, 20: 1}),
        *at_lengths("lstm", 5, {10: 4}),
        *of("lstm", 3, 3, length=40),
        *(made for seed in (3, 4) for made in lost("lstm", length=40, seed=seed)),
        *at_lengths("w", 5, {10: 0}),
        *at_lengths("x", 5, {10: 0}),
        *at_lengths("y", 5, {10: 5, 80: 5}),
    ]
    assert answers(make_grid(runs, search_share=0.8)) == [
        (
            "Horizons on adding (95 %): y 80 or more [10 or more]; gru 14 [0, 20]; "
            "w and x under 10 [0, 10]; lstm undecided at 40 (3 of 5 seeds, 2 failed)."
        ),
        (
            "A horizon is an estimate: the length that 80 % of the seeds solve, by all lengths that were "
            "tried, with its 95 % interval."
        ),
    ]


def test_a_sentence_a_task() -> None:
    runs = [*of("gru", 2, 2), run("gru", "copy_memory", 10), run("gru", "copy_memory", 20)]
    found = answers(make_grid(runs))
    assert [sentence.split()[0] for sentence in found] == ["gru", "copy_memory:"]


def test_of_many_it_names_a_few() -> None:
    alike = [of(f"v{i}", 3, 3) for i in range(9)]
    (answer,) = answered(alike)
    assert answer == "v0, v1, v2, v3, v4 and 4 others solved adding at 100 in 3 of 3 seeds."
    various = [of(f"v{i}", 12, i) for i in range(1, 12)]
    (answer,) = answered(various)
    assert answer.endswith("v6 in 6 of 12; 5 more are in the table.")
