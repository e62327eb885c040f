"""The scan of any cell on the CPU, compiled from its `step`; and the readout and the cross-entropy.

    watch       what the cell is made of, so that a change is noticed
    step/       its step, traced, with its gradient, and the plan of both loops
    llvm/       machine code of that
    program     that code, for any number of steps and sequences
    memory      the arrays of a run, and way_back of its gradient
    scan        all of it as an operation of torch; check compares it with the loop, choice remembers it

As h_t = tanh(W x_t + U h_{t-1} + b) passes through: the loop keeps one product, U h, and one pass, which adds
W x + b and applies tanh; the way back has one pass, e = g (1 - h^2), and one product, U' e; and after the loop
dL/dU is one product, of all e with all h.
"""
