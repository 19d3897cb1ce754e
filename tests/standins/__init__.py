"""Generated files run on recording stand-ins of the frameworks, and held against the graph: no framework is imported.

Each step must run once, on exactly the tensors that the graph gives it, in their order, with layers of its own, and its
code must be what the operation's row gives for the instance's numbers. `rows` notes what rows give while code is
written; `values` are what flows, `frameworks` what generated files import; `runs` compares step by step, and `check`
says what is wrong with a program. `mutants` are the proof that anything is seen.

What it does not see: what a row's code means (so that shapes of weights are those of the arguments that the row gives),
support code, numbers and gradients, which of two layers that are made alike and hold no weights is called, and a graph
that is wrong.
"""
