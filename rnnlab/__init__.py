"""How far back can a recurrent cell remember, and can gradient descent teach it to?"""

import sys
from importlib.abc import MetaPathFinder

__version__ = "0.2.0"


def same_version(made_by: str) -> bool:
    """Whether what a version of rnnlab has made can be read by this one: 0.2.0 reads 0.2.7."""
    return made_by.split(".")[:2] == __version__.split(".")[:2]


class _ModelsOf01(MetaPathFinder):
    """Refuses an MLflow model of rnnlab 0.1, which brings code that imports `rnnlab.experiment`."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "rnnlab.experiment":
            raise ImportError(
                f"the model was made by rnnlab 0.1, and this is {__version__}: only 0.1 loads it"
            )


sys.meta_path.append(_ModelsOf01())  # asked last, for what is not there
