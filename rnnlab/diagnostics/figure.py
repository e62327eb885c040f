"""The figure of what a run's diagnostics saw: each at first and at the end."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from rnnlab.diagnostics.diagnostic import Diagnostic
from rnnlab.diagnostics.history import History
from rnnlab.foundation.drawing import plain_titles, png
from rnnlab.foundation.files import write_bytes

COLUMNS = 4


def write_figure(
    path: Path, diagnostics: Mapping[str, Diagnostic], histories: Mapping[str, History], title: str
) -> None:
    """Draw the diagnostics that have arrays besides the updates; nothing where none has.

    Raises:
        OSError: As the disk says.
    """
    shown = {name: history for name, history in histories.items() if len(history.rows) > 1}
    if not shown:
        return
    rows, columns = -(-len(shown) // COLUMNS), min(len(shown), COLUMNS)
    figure = Figure(figsize=(0.9 + 3.6 * columns, 0.7 + 3 * rows))
    # Measured layouts and legends that look for room would take longer than all the looks.
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left=0.9 / width,
        right=1 - 0.1 / width,
        bottom=0.5 / height,
        top=1 - 0.8 / height,
        wspace=0.3,
        hspace=0.45,
    )
    figure.suptitle(f"{title}   (grey: at first, blue: at the end)", y=1 - 0.15 / height)
    for place, (name, history) in enumerate(shown.items(), start=1):
        with plain_titles():
            axes = figure.add_subplot(rows, columns, place)
            diagnostics[name].draw(axes, history.row(0), history.row(-1))
    path.parent.mkdir(exist_ok=True)
    write_bytes(path, png(figure, dpi=100))
