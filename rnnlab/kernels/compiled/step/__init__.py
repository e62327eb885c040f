"""A cell's step, read: what is computed of what, its gradient, and the plan of both loops. In this order:

trace       the step is called once, without numbers: refusal, outside, leaves
operations  what each of torch's operations is: activations, layout, pointwise, products, reductions
expression  rows of numbers and what is computed of them; merge joins products, derivative has the gradient
plan        what the two loops read (reads), keep and leave behind; loop has the order within a step
"""
