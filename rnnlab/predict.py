"""python -m rnnlab.predict: a trained model's answers to sequences of your own."""

import sys

from rnnlab.foundation.command import refuse, run_command

HELP = """\
usage: python -m rnnlab.predict run=RUN input=FILE output=FILE [key=value ...]

Answers the sequences of a file with the model of a finished run.

  run=RUN               its folder, its id in MLflow, or models:/NAME@ALIAS
  input=FILE            .npy .npz .csv .jsonl .parquet .wav .txt, or - for a pipe
  output=FILE           .npy .npz .csv .jsonl .parquet, or - for a pipe
  steps=all             the answer at every step, or steps=last at the last alone (default: as
                        the task answers)
  states=true           the states of all layers too
  columns=[NAME,NAME]   the columns of a table that are the features, in the order that they had in
                        training (default: all but sequence, in the order of the table)
  input_format=csv      where the name does not tell; output_format= likewise
  overwrite=true        replaces an output that exists
  checkpoint=last       the newest model; best, the default, is the one that was tested
  tracking.uri=URI      the store of an id or of a registered model (default:
                        $MLFLOW_TRACKING_URI, or ./mlflow.db)
  allow_targets=[mine]  lets the run's own cell or task be imported from its code

A sequence may be longer than memory: it is answered in pieces, with the same bits as in one.
What has to fit into memory is a .wav file, a line of .jsonl, and an array in Fortran order.
The output gets its name once it is whole.

examples
  python -m rnnlab.predict run=outputs/runs/2026-01-01/12-00-00-000000 input=x.npy output=y.npy
  python -m rnnlab.predict run=models:/adding@best input=x.csv output=y.csv steps=last
  cat x.jsonl | python -m rnnlab.predict run=3f2a... input=- input_format=jsonl \\
                output=- output_format=jsonl
"""


def main(words: list[str] | None = None) -> None:
    """Exit 0, or 2 with one line for a request that cannot be met."""
    run_command(_predict, HELP, words)


def _predict(words: list[str]) -> None:
    from rnnlab.foundation.quiet import quiet_tools
    from rnnlab.prediction.request import read_prediction_request

    quiet_tools()
    try:
        request = read_prediction_request(words)
    except ValueError as error:
        refuse(error)
    from rnnlab.prediction.prediction import predict

    try:
        found = predict(request)
    except BrokenPipeError:  # whoever reads has seen enough
        sys.exit(0)
    except (ValueError, OSError) as error:
        refuse(error)
    if request.path is not None:
        sequences = f"{found.sequences} sequence{'s' * (found.sequences != 1)}"
        sys.stdout.write(f"{request.output}  {sequences}, {found.steps} steps in all\n")


if __name__ == "__main__":
    main()
