"""How much of a model's error is a drift: one constant by which all of its answers are off."""

from torch import Tensor

from rnnlab.tasks.task import Task


class Bias:
    """Sums of how far answers are off, over many batches; `means` reads them.

    With r_n the mean over the answered steps of sequence n of answer minus target, a vector of the
    answer's features, and q_n the mean over these steps of its square,

        bias = mean r_n,  bias_share = |bias|^2 / mean q_n

    `bias` has its sign where an answer is one number, and is the length of the vector otherwise.
    `bias_share` is the part of the squared error that taking one constant off every answer would
    take away: 0 of a model that forgets, 1 of one that knows every answer but for a constant. For
    example answers of 0.7, 1.1 and 1.6 to 0.5, 1.0 and 1.3 have bias 0.2 and share 0.04 / 0.0467.
    """

    def __init__(self) -> None:
        self._off_by: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0
        self._sequences = 0

    def add(self, task: Task, outputs: Tensor, targets: Tensor) -> None:
        """Of a task that does not know how far answers are off there is nothing to add."""
        off_by = task.off_by(outputs, targets)
        if off_by is None:
            return
        off_by = off_by.cpu().double()  # which not every device has
        self._off_by += off_by.mean(dim=1).sum(dim=0)
        self._squares += off_by.square().sum(dim=2).mean(dim=1).sum()
        self._sequences += off_by.size(0)

    def means(self, prefix: str) -> dict[str, float]:
        """`<prefix>/bias` and, of answers that are off at all, `<prefix>/bias_share`."""
        if not self._sequences:
            return {}
        assert isinstance(self._off_by, Tensor)
        bias = self._off_by / self._sequences
        square = float(self._squares) / self._sequences
        size = float(bias) if len(bias) == 1 else float(bias.norm())
        share = {f"{prefix}/bias_share": float(bias.square().sum()) / square} if square else {}
        return {f"{prefix}/bias": size} | share
