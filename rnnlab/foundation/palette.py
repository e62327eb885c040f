"""The colours of all figures: those of Okabe & Ito (2008), told apart by colour-blind readers too."""

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, YELLOW = "#56B4E9", "#D55E00", "#F0E442"
GREY = "#666666"
INK = "#010101"
"""What text is written in: black to the eye, and no other colour, so that a page can put its own there."""
