"""What may be said of a few runs, and what may not."""

from pathlib import Path

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
        "adding at 50: gru (5 of 5 [0.57, 1.00]) solved it more often than elman (0 of 5 [0.00, 0.43])."
    )


def test_four_of_five_against_one_is_none_and_five_more_would_do() -> None:
    """With ten seeds each the exact power is 0.81, with nine 0.72: test_power has the sum."""
    text = findings_of(of("gru", [0.1] * 5, solved=4), of("elman", [0.1] * 5, solved=1))
    assert "more often" not in text
    assert (
        "Too few seeds to rank elman and gru by how often they solved it: about 5 more each would "
        "do in 80 % of repeats, if the rates stay as they are." in text
    )


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
    assert "Too few seeds to rank elman and gru by mean test loss: " in text
    assert "lower mean test loss" not in text


def test_solved_runs_are_compared_by_updates_and_not_by_where_they_stopped() -> None:
    quick = of("gru", [0.01] * 5, solved=5, at=100)
    slow = of("lstm", [0.002] * 5, solved=5, at=900)
    text = findings_of(quick, slow)
    assert "gru solved it in fewer updates than lstm" in text
    assert "loss" not in text


def test_one_seed_claims_nothing() -> None:
    text = findings_of(of("gru", [0.1], solved=1), of("elman", [0.2]))
    assert text == "adding at 50: One seed each: no order is claimed."
    runs = [run(v, task=t, length=n) for v in "ab" for t, n in (("x", 5), ("y", 5), ("z", 6))]
    assert findings_of(runs) == (  # of several tasks it is said once
        "x and y at 5: One seed each: no order is claimed. z at 6: One seed each: no order is claimed."
    )


def test_equals_need_no_seeds() -> None:
    assert findings_of(of("gru", [0.1, 0.1]), of("lstm", [0.1, 0.1])).endswith(
        "it would take more than 50 each, if means and spreads stay as they are."
    )


def test_what_stands_alone_or_has_no_result_compares_nothing() -> None:
    assert findings_of(of("gru", [0.1, 0.2])) == ""
    assert findings_of([run(status="KILLED")]) == ""
    assert findings_of([run(status="FAILED"), run("elman"), run("elman", seed=1)]) == ""


def test_what_is_the_same_at_several_lengths_is_said_once() -> None:
    at = [
        of(v, [0.1] * 5, solved=5 * (v == "gru"), length=n) for n in (10, 20) for v in ("gru", "x")
    ]
    (found,) = findings(make_grid([made for group in at for made in group]))
    assert found.about == "adding at 10 and 20"
    assert found.claim


def test_a_claim_is_told_from_what_is_none() -> None:
    some = [of("a", [0.1] * 5, solved=5), *(of(v, [0.1] * 5) for v in "bd")]
    some.append(of("c", [0.1] * 5, solved=4))
    found = findings(make_grid([made for group in some for made in group]))
    assert [finding.claim for finding in found] == [True, False, False]
    assert "how often they solved it: about" in found[1].text
    assert found[2].text.startswith("Too few seeds to rank b and d by mean test loss")
    assert found[0].text.startswith("a (5 of 5 [0.57, 1.00]) solved it more often than b")


def test_many_pairs_take_one_sentence() -> None:
    groups = [of(f"v{i}", [0.1 + 0.01 * i, 0.2 + 0.01 * i, 0.3]) for i in range(8)]
    text = findings_of(*groups)
    assert "28 pairs" in text
    assert len(text) < 300


def test_three_seeds_are_too_few_for_means_whatever_they_are() -> None:
    """Of the 20 arrangements of 3 against 3 two are as far apart: p = 0.1."""
    text = findings_of(of("gru", [0.01, 0.02, 0.03]), of("elman", [0.5, 0.6, 0.7]))
    assert "lower mean test loss" not in text
    assert "about 1 more each would do" in text


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
    assert "about 1 more each would do" in text


def test_nothing_to_say_is_said() -> None:
    assert findings_of(of("gru", [0.1] * 5), of("lstm", [0.1])).endswith("any two of them.")


def test_the_front_pages_table_gives_the_conclusions_that_the_reports_page_shows() -> None:
    """Oracle: both pages. What they have in words comes of the rates that the table has."""
    root = Path(__file__).resolve().parents[2]
    lines = (root / "README.md").read_text("utf-8").partition("opening: made by")[2].splitlines()
    table = [[e.strip() for e in line.strip("|").split("|")] for line in lines if line[:1] == "|"]
    lengths = [int(name.split()[-1]) for name in table[0][1:4]]
    runs = [
        run(row[0], "temporal_order", n, s, solved_at=9.0 if s < int(rate.split()[0]) else None)
        for row in table[2:6]
        for n, rate in zip(lengths, row[1:4], strict=True)
        for s in range(5)
    ]
    found = findings(make_grid(runs))
    page = (root / "rnnlab" / "report" / "README.md").read_text("utf-8")
    claims = [str(finding) for finding in found if finding.claim]
    assert claims == [line for line in page.splitlines() if line.startswith("temporal_order at ")]
    by_rate = {
        finding.about: one for finding in found for one in finding.too_few if "often" in one.by
    }
    advised = {"temporal_order at 50": "elman and lstm", "temporal_order at 100": "elman and gru"}
    for about, pair in advised.items():
        few = by_rate[about]
        assert few.more[few.pairs.index(pair)] == 2
    assert "about 2 more\nseeds each would tell" in page
