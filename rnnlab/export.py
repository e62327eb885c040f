"""python -m rnnlab.export: a trained model as an ONNX file."""

import sys

from rnnlab.foundation.command import refuse, run_command

HELP = """\
usage: python -m rnnlab.export run=RUN output=FILE.onnx [key=value ...]

Writes the model of a finished run as an ONNX file, for runtimes that have no torch. It takes `inputs`,
(batch, seq_len, input_size) of any batch and length, and gives `outputs`, y_t of every step.
Elman cells with tanh or relu, LSTM and GRU can be written; others are refused.

  run=RUN               its folder, its id in MLflow, or models:/NAME@ALIAS
  output=FILE.onnx      the file
  overwrite=true        replaces an output that exists
  checkpoint=last       the newest model; best, the default, is the one that was tested
  tracking.uri=URI      the store of an id or of a registered model (default:
                        $MLFLOW_TRACKING_URI, or ./mlflow.db)
  allow_targets=[mine]  lets the run's own cell or task be imported from its code

It needs the package onnx: pip install 'rnnlab[onnx]'.

examples
  python -m rnnlab.export run=outputs/runs/2026-01-01/12-00-00-000000 output=adding.onnx
  python -m rnnlab.export run=models:/adding@best output=adding.onnx
"""


def main(words: list[str] | None = None) -> None:
    """Exit 0, or 2 with one line for a request that cannot be met."""
    run_command(_export, HELP, words)


def _export(words: list[str]) -> None:
    from rnnlab.foundation.quiet import quiet_tools

    quiet_tools()
    from rnnlab.prediction.export import export, read_export_request

    try:
        request = read_export_request(words)
        size = export(request)
    except (ValueError, OSError) as error:
        refuse(error)
    sys.stdout.write(f"{request.output}  {size} bytes\n")


if __name__ == "__main__":
    main()
