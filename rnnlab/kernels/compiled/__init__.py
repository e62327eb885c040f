"""The scan of any cell on the CPU, compiled from its `step`: traced, differentiated, planned, written as a loop and compiled."""
