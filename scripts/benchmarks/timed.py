"""What was measured of one case, and its rows of the table."""

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.case import Case
from benchmarks.targets import words_of

HEADER = ["case (H, B, T)", "peer", "ratio", "range", "target", "ms", "peer's ms", "of GEMM peak"]
HEADER += ["loss", "peer's loss"]


@dataclass
class Timed:
    """Seconds an update, by round; the rounds that warm up are not among them."""

    case: Case
    ours: list[float] = field(default_factory=list)
    logged: list[float] = field(default_factory=list)  # perf/seconds_per_update
    peers: dict[str, list[float]] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)  # of the last block before the timed

    def ratios(self, peer: str) -> list[float]:
        return [theirs / own for theirs, own in zip(self.peers[peer], self.ours, strict=True)]

    def row(self, peer: str, peak: float, target: float | None) -> list[str]:
        ratios = self.ratios(peer)
        share = self.case.products / statistics.median(self.ours) / peak
        return [
            str(self.case),
            peer,
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
            words_of(target, statistics.median(ratios)),
            f"{1e3 * statistics.median(self.ours):.3g}",
            f"{1e3 * statistics.median(self.peers[peer]):.3g}",
            f"{share:.0%}",
            f"{self.losses['rnnlab']:.6g}",
            f"{self.losses[peer]:.6g}",
        ]

    def as_dict(self) -> dict[str, Any]:
        medians = {peer: statistics.median(self.ratios(peer)) for peer in self.peers}
        return {**asdict(self), "ratios": medians}
