"""Proof by simulation: a site that pushes, its applications, and all that can go wrong between them.

A history is a list of plain steps (steps.py), drawn by a seed; a world plays them (world.py) on the real code
and a real database, with receivers in memory (receiver.py) and time that passes when it is told to. What was
ever committed is remembered (truth.py): receivers go by it to see whether they are told what is stale. At the
end nothing goes wrong any more, time passes, and everybody must have exactly what there is.

`python -m tests.simulation SEED` prints a history and what came of it.
"""
