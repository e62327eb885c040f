"""Where a comparison is written. Oracle: equal requests, and different ones."""

from pathlib import Path

import pytest

from rnnlab.report.report_folder import default_folder, holds_report, refuse_other
from rnnlab.report.select_runs import Selection
from rnnlab.tracking.store import default_uri

IDS = ("3f2a" + "0" * 28, "91bc" + "0" * 28)


def folder(selection: Selection, uri: str | None = None) -> str:
    return default_folder(selection, uri or default_uri()).as_posix()


def test_names_are_readable() -> None:
    assert folder(Selection()) == folder(Selection(experiment="rnnlab")) == "outputs/reports/rnnlab"
    lstm = folder(Selection(query="params.cell = 'lstm'"))
    assert lstm[:-4] == "outputs/reports/rnnlab-params.cell-lstm-"
    assert folder(Selection(sweep=IDS[0]))[:-4] == "outputs/reports/sweep-3f2a0000-"
    assert folder(Selection(IDS))[:-4] == "outputs/reports/runs-3f2a0000-and-1-more-"
    assert len(Path(folder(Selection(query="x" * 5000))).name) < 80
    assert folder(Selection(experiment="../..")).startswith("outputs/reports/report-")


def test_the_same_request_has_one_folder_and_another_has_another() -> None:
    requests = [
        *(Selection(), Selection(experiment="mine"), Selection(experiment="mi/ne")),
        *(Selection(experiment="mi-ne"), Selection(experiment="mi ne")),
        *(Selection(query=f"params.cell = '{cell}'") for cell in ("lstm", "gru")),
        *(Selection(query="params.cell='lstm'"), Selection(query="metrics.x > 1")),
        *(Selection(query="metrics.x < 1"), Selection(sweep=IDS[0]), Selection(sweep=IDS[1])),
        *(Selection(IDS), Selection(IDS[:1]), Selection(IDS[1:])),
    ]
    folders = [folder(request) for request in requests]
    assert len(set(folders)) == len(requests)
    assert (
        folder(Selection(IDS[::-1])) == folder(Selection((*IDS, IDS[0]))) == folder(Selection(IDS))
    )
    assert folder(Selection(), "http://127.0.0.1:5000") not in folders


def test_a_folder_of_ones_own_must_be_new_empty_or_a_reports(tmp_path: Path) -> None:
    refuse_other(tmp_path / "new")
    refuse_other(tmp_path)
    (tmp_path / "figures").mkdir()
    with pytest.raises(ValueError, match=r"holds figures, which is no report: name a new or an"):
        refuse_other(tmp_path)
    (tmp_path / "report.html").touch()
    assert holds_report(tmp_path)
    refuse_other(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"--output=\S+ holds notes.txt"):
        refuse_other(tmp_path)
    with pytest.raises(ValueError, match=r"notes.txt is no folder"):
        refuse_other(tmp_path / "notes.txt")
