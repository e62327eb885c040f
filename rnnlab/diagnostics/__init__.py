"""What a model remembers, a file for each way to ask."""

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.probe import Probe

__all__ = ["Arrays", "Diagnostic", "Measurement", "Probe"]
