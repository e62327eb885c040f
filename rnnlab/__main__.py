"""rnnlab COMMAND, or python -m rnnlab COMMAND: one door to the commands.

`rnnlab run ...` is `python -m rnnlab.run ...`, and so are the others.
"""

import importlib
import sys
from pathlib import Path

from rnnlab import __version__
from rnnlab.foundation.checks import did_you_mean
from rnnlab.foundation.streams import safe_streams

COMMANDS = {
    "run": "train one cell on one task, or a sweep of many with -m",
    "evaluate": "ask a finished run again: at other lengths, by other diagnostics",
    "predict": "answer sequences of your own with a trained model, from file to file",
    "export": "write a trained model as an ONNX file, for runtimes without torch",
    "compare": "put runs side by side, with intervals: a table, figures, a page",
    "sync": "bring to MLflow what it missed, and end what a dead process left running",
}

HELP = f"""\
rnnlab {__version__}
How far back can a recurrent cell remember, and can gradient descent teach it to?

usage: rnnlab COMMAND ...

{"".join(f"  {name:9} {text}" + chr(10) for name, text in COMMANDS.items())}
  rnnlab COMMAND --help says more of one; rnnlab --version prints the version.
"""


def main() -> None:
    """The command line: the exit status of the command; 2 if there is no such."""
    with safe_streams():
        _run(sys.argv[1:])


def _run(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(HELP)
        sys.exit(0 if words else 2)
    if words[0] == "--version":
        sys.stdout.write(f"rnnlab {__version__}\n")
        sys.exit(0)
    if words[0] not in COMMANDS:
        sys.stderr.write(f"rnnlab {words[0]} is unknown: {did_you_mean(words[0], COMMANDS)}\n")
        sys.exit(2)
    if not sys.flags.safe_path and (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # as python -m has it, and a console script has not
    sys.argv = [f"rnnlab {words[0]}", *words[1:]]
    importlib.import_module(f"rnnlab.{words[0]}").main()


if __name__ == "__main__":
    main()
