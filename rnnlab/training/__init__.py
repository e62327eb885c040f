"""Updates in blocks, clipped, measured, checkpointed, stopped when solved."""
