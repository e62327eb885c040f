"""The scan of any cell on the CPU, compiled from its `step`. In the order in which a step passes through:

    watch       what the cell is made of, so that a change is noticed
    trace       the step is called once, without numbers: refusal, outside, leaves
    operations  what each of torch's operations is: activations, layout, products, reductions
    expression  rows of numbers and what is computed of them; merge joins products, derivative has the gradient
    plan        what the two loops read, keep and leave behind; loop has the order within a step
    code        both loops for LLVM: steps calls products (blas) and passes (arithmetic, vector_math)
    machine     machine code of that, kept on disk
    program     the loops over all steps, and way_back their gradient
    scan        all of it as an operation of torch; check compares it with the loop, choice remembers it

As h_t = tanh(W x_t + U h_{t-1} + b) passes through: the loop keeps one product, U h, and one pass, which adds
W x + b and applies tanh; the way back has one pass, e = g (1 - h^2), and one product, U' e; and after the loop
dL/dU is one product, of all e with all h.
"""
