"""A run's figures as bytes. Each run of a sweep draws its own, so that the time of one counts."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator

FEW = 4
"""Intervals between ticks: as many as matplotlib would choose take a fifth of a figure's time."""


@contextmanager
def plain_titles() -> Iterator[None]:
    """Where axes are made: a title stays in its place, instead of keeping clear of every tick."""
    with mpl.rc_context({"axes.titley": 1.0}):
        yield


def png(figure: Figure, dpi: int) -> bytes:
    """The figure, with few ticks where matplotlib is to choose them."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if type(locator := axis.get_major_locator()) is AutoLocator:
                locator.set_params(nbins=FEW)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=dpi, pil_kwargs={"compress_level": 1})
    return drawn.getvalue()
