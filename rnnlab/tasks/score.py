"""A task's figures over many batches."""

from torch import Tensor

from rnnlab.tasks.task import Task


class Score:
    """Sums of a task's figures over many batches; `means` reads them."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.sequences = 0

    def add(self, task: Task, outputs: Tensor, targets: Tensor) -> None:
        count = targets.size(0)
        figures = {"loss": task.loss(outputs, targets) * count}
        wrong = task.errors(outputs, targets)
        finite = outputs.flatten(1).isfinite().all(dim=1)
        figures["error"] = (wrong | ~finite).sum()
        if (accuracy := task.accuracy(outputs, targets)) is not None:
            figures["accuracy"] = (accuracy * finite).sum()
        figures |= {name: values.sum() for name, values in task.scores(outputs, targets).items()}
        self.sequences += count
        for name, value in figures.items():
            wide = value.cpu().double()  # which not every device has
            self.sums[name] = self.sums.get(name, 0) + wide

    def means(self, prefix: str) -> dict[str, float]:
        return {f"{prefix}/{k}": v.item() / self.sequences for k, v in self.sums.items()}
