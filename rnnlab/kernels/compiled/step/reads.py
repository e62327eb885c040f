"""What a scan reads besides the inputs."""

from dataclasses import dataclass
from functools import cached_property

Sizes = tuple[int, int]


@dataclass(frozen=True)
class Reads:
    """Tensors in this order, by the numbers that the plan has.

    Args:
        vectors: Each (width,), or some of them one below the other.
        matrices: Of products with states.
        of_inputs: Matrices that x is multiplied with, by the number of the rows that it makes.
        rows: Other rows, each (steps * batch, width). The states before the first step come last.
        plain: Which rows are the inputs themselves.
        turned: For each tensor, whether it is read transposed.
        sizes: For each vector and matrix, its rows and columns as it is read.
    """

    vectors: list[int]
    matrices: list[int]
    of_inputs: list[int]
    rows: list[int]
    plain: list[int]
    turned: list[bool]
    sizes: list[Sizes]

    @cached_property
    def parameters(self) -> list[tuple[str, Sizes]]:
        """What is copied before a run: where to, by its name in the table, and its size."""
        kinds = ("q", self.vectors), ("w", self.matrices), ("v", self.of_inputs)
        names = [f"{letter}{k}" for letter, numbers in kinds for k in numbers]
        return list(zip(names, self.sizes, strict=True))

    def place(self, name: str) -> int:
        """Of a parameter among the tensors."""
        return [each for each, _ in self.parameters].index(name)
