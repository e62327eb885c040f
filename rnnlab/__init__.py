"""How far back can a recurrent cell remember, and can gradient descent teach it to?"""

import sys
from importlib.abc import MetaPathFinder

__version__ = "0.2.0"


class _ModulesOf01(MetaPathFinder):
    """Refuses in words what an MLflow model of rnnlab 0.1 imports: it brings code of that version."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "rnnlab.experiment":
            raise ImportError(
                f"{fullname} is a module of rnnlab 0.1, and this is {__version__}: what imports it, "
                "as a model in MLflow does, was made by 0.1 and needs it"
            )


sys.meta_path.append(_ModulesOf01())  # asked last, for what is not there
