"""Recurrences unrolled by hand, with their back-propagation through time: fast, and equal to the loop over `step`."""
