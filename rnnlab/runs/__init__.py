"""One run from its config to its result, and what Hydra needs for it."""
