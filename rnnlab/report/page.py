"""report.html: one file without scripts, that opens offline, in a sandboxed frame, by day and by night."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import jinja2
import matplotlib as mpl
from markupsafe import Markup

from rnnlab.foundation.palette import BLUE, GREY, INK
from rnnlab.report.panels import Plot

# Colours that the page has by day and by night, where one alone would be too dark or too light.
OWN = {INK: "currentColor", GREY: "var(--grey)", BLUE: "var(--blue)"}
POINT = 4 / 3  # pixels of a page
SMALLEST = 0.75  # of its size, to which a figure shrinks before it is scrolled


def page(report: object, plots: Sequence[Plot], **words: object) -> str:
    """The page of a report.

    Args:
        report: What the template asks.
        plots: Its figures.
        words: Further ones that the template uses.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    pictures = [(plot, Markup(svg(plot))) for plot in plots]
    template = environment.get_template("report.html.jinja")
    return template.render(report=report, pictures=pictures, **words)


def svg(plot: Plot) -> str:
    """The figure as an element of a page, on no ground and with the page's own colour as its ink.

    Equal figures give equal text.
    """
    file = io.StringIO()
    # The ids within are hashes: salted by name, no two figures of a page share one.
    with mpl.rc_context({"svg.hashsalt": plot.name, "svg.fonttype": "path"}):
        plot.figure.savefig(
            file, format="svg", facecolor="none", metadata={"Date": None, "Creator": None}
        )
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{plot.name}-", text)
    for color, own in OWN.items():
        text = text.replace(color.lower(), own)
    width = plot.figure.get_figwidth() * 72 * POINT
    size = f"width: 100%; max-width: {width:.0f}px; min-width: {SMALLEST * width:.0f}px"
    text = re.sub(r' width="[^"]*pt"', "", re.sub(r' height="[^"]*pt"', "", text, count=1), count=1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{plot.title}" style="{size}" ', 1)
