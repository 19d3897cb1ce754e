"""Random specs over all operations and all of the language, and what the frameworks make of them.

`draw.document(seed)` gives a spec; the same seed gives the same one. `python -m tests.fuzz 500 --seed 0` verifies 500.
"""
