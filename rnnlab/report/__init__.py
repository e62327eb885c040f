"""The comparison of runs, and the figures of one."""
