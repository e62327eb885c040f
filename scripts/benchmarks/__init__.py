"""Speed, measured against what people would otherwise use; scripts/benchmark runs it."""
