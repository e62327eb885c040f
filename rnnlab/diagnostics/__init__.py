from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.error_by_lag import ErrorByLag
from rnnlab.diagnostics.gradient_by_lag import GradientByLag
from rnnlab.diagnostics.jacobian import Jacobian
from rnnlab.diagnostics.lyapunov import Lyapunov
from rnnlab.diagnostics.memory_capacity import MemoryCapacity
from rnnlab.diagnostics.omega import Omega
from rnnlab.diagnostics.probe import Probe
from rnnlab.diagnostics.saturation import Saturation

__all__ = [
    "Arrays",
    "Diagnostic",
    "ErrorByLag",
    "GradientByLag",
    "Jacobian",
    "Lyapunov",
    "Measurement",
    "MemoryCapacity",
    "Omega",
    "Probe",
    "Saturation",
]
