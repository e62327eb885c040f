"""Machine code by LLVM. Of a scan:

    code        all of it: steps is a loop over time, which calls products and passes
    passes      what is computed of rows at once: arithmetic, vector_math
    primitives  products by BLAS (blas), copies, sums
    direction   whole runs around the loops: there and back, which take one table
    machine     machine code of that text, kept on disk

And, the same for every model (fixed): readout and loss.
"""
