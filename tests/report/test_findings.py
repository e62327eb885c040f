"""What may be said of a few runs, and what may not."""

from rnnlab.report.findings import findings
from rnnlab.report.grid import make_grid
from tests.support.made_runs import run


def of(variant: str, losses: list[float], solved: int = 0, length: int = 50, at: float = 100.0):
    return [
        run(variant, length=length, seed=s, loss=loss, solved_at=at + s if s < solved else None)
        for s, loss in enumerate(losses)
    ]


def findings_of(*groups: list) -> str:
    return " ".join(map(str, findings(make_grid([made for group in groups for made in group]))))


def test_five_of_five_against_none_is_an_order() -> None:
    text = findings_of(of("gru", [0.1] * 5, solved=5), of("elman", [0.1] * 5))
    assert text == (
        "adding 50: gru (5 of 5 [0.57, 1.00]) solved it more often than elman (0 of 5 [0.00, 0.43])."
    )


def test_four_of_five_against_one_is_none_and_eleven_would_do() -> None:
    text = findings_of(of("gru", [0.1] * 5, solved=4), of("elman", [0.1] * 5, solved=1))
    assert "more often" not in text
    assert "no order is claimed between elman and gru: about 11 seeds each" in text


def test_losses_that_separate() -> None:
    low, high = [0.10, 0.11, 0.12, 0.10, 0.11], [0.15, 0.16, 0.14, 0.15, 0.16]
    text = findings_of(of("gru", low), of("elman", high))
    assert "gru has a lower mean test loss than elman (permutation test, p = 0.0079)" in text
    assert "chance" not in text
    near = [0.165, 0.166, 0.1651, 0.1652, 0.1655]
    blind = findings_of(of("gru", near), of("elman", [x + 0.01 for x in near]))
    assert "both at the level of chance" in blind


def test_losses_that_overlap() -> None:
    text = findings_of(of("gru", [0.10, 0.20, 0.15]), of("elman", [0.11, 0.21, 0.16]))
    assert "By mean test loss no order is claimed between elman and gru: about" in text
    assert "lower mean test loss" not in text


def test_solved_runs_are_compared_by_updates_and_not_by_where_they_stopped() -> None:
    quick = of("gru", [0.01] * 5, solved=5, at=100)
    slow = of("lstm", [0.002] * 5, solved=5, at=900)
    text = findings_of(quick, slow)
    assert "gru solved it in fewer updates than lstm" in text
    assert "loss" not in text


def test_one_seed_claims_nothing() -> None:
    text = findings_of(of("gru", [0.1], solved=1), of("elman", [0.2]))
    assert text == "adding 50: one seed each, from which no order can be claimed."


def test_equals_need_no_seeds() -> None:
    assert findings_of(of("gru", [0.1, 0.1]), of("lstm", [0.1, 0.1])).endswith(
        "more than 1000 seeds each would tell them apart, if means and spreads stay as they are."
    )


def test_alone_unfinished_and_far() -> None:
    assert (
        findings_of(of("gru", [0.1, 0.2])) == "adding 50: gru (0 of 2 [0.00, 0.66]) stands alone."
    )
    assert findings_of([run(status="KILLED")]) == "adding 50: no run has finished."
    text = findings_of(of("gru", [0.1] * 2, solved=2, length=10), of("gru", [0.1] * 2, length=20))
    assert text.endswith(
        "adding, horizon: at least half of the seeds solved it up to a length of: "
        "gru 10 (2 of 2), not 20 (0 of 2)."
    )


def test_a_search_begins_with_what_it_found_and_compares_what_two_have() -> None:
    """80 % of five seeds are four: 3 of 5 is not solved, 3 and a failed one nobody can tell."""
    gru = [*of("gru", [0.1] * 5, solved=5, length=10), *of("gru", [0.1] * 5, solved=3, length=20)]
    lstm = of("lstm", [0.1] * 5, solved=4, length=10)
    broken = [
        *of("lstm", [0.1] * 3, solved=3, length=40),
        *(run("lstm", length=40, seed=seed, status="FAILED") for seed in (3, 4)),
    ]
    first, *rest = findings(make_grid([*gru, *lstm, *broken], search_share=0.8))
    assert str(first) == (
        "adding, horizon: at least 80 % of the seeds solved it up to a length of: "
        "gru 10 (5 of 5), not 20 (3 of 5); "
        "lstm 10 (4 of 5), undecided at 40 (3 of 5, 2 without a result)."
    )
    assert [finding.about for finding in rest] == ["adding 10"]


def test_a_gap_is_told() -> None:
    lengths = {10: 2, 20: 0, 40: 2, 80: 2}
    text = findings_of(*(of("gru", [0.1] * 2, solved=k, length=n) for n, k in lengths.items()))
    assert text.endswith("gru 10 (2 of 2), not 20 (0 of 2), though 40, 80 again.")


def test_many_pairs_take_one_sentence() -> None:
    groups = [of(f"v{i}", [0.1 + 0.01 * i, 0.2 + 0.01 * i, 0.3]) for i in range(8)]
    text = findings_of(*groups)
    assert "28 pairs" in text
    assert len(text) < 300


def test_three_seeds_are_too_few_for_means_whatever_they_are() -> None:
    """Of the 20 arrangements of 3 against 3 two are as far apart: p = 0.1."""
    text = findings_of(of("gru", [0.01, 0.02, 0.03]), of("elman", [0.5, 0.6, 0.7]))
    assert "lower mean test loss" not in text
    assert "about 4 seeds each would tell them apart" in text


def test_claims_are_corrected_for_the_number_of_pairs() -> None:
    """p = 2/252 of five against five holds for six pairs, 0.048, and not for ten."""
    spread = [0.0, 0.001, 0.002, 0.003, 0.004]
    several = [of(name, [0.1 + i / 50 + s for s in spread]) for i, name in enumerate("abcd")]
    assert "a has a lower mean test loss than d (permutation test, p = 0.048)" in findings_of(
        *several
    )
    assert "lower mean" not in findings_of(*several, of("e", [0.2 + s for s in spread]))


def test_no_claim_by_loss_where_a_run_left_none() -> None:
    low, high = [0.10, 0.11, 0.12, 0.10], [0.15, 0.16, 0.14, 0.15, 0.16]
    lost = run("elman", seed=4, loss=None, diverged=1.0)
    text = findings_of([*of("elman", low), lost], of("gru", high))
    assert "lower mean test loss" not in text
    assert "nothing is said of elman, where runs diverged" in text


def test_more_seeds_means_more_than_there_are() -> None:
    text = findings_of(of("gru", [0.01, 0.02, 0.03, 0.04]), of("lstm", [0.039, 0.06, 0.07, 0.08]))
    assert "about 5 seeds each would tell them apart" in text


def test_nothing_to_say_is_said() -> None:
    assert findings_of(of("gru", [0.1] * 5), of("lstm", [0.1])).endswith("to compare any two.")
    failed = [run(length=n, status="FAILED") for n in (20, 50)]
    assert findings_of(failed) == "adding 20: no run has finished. adding 50: no run has finished."
