"""The kernels on the CPU, in numpy."""
