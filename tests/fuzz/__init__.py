"""Random specs over all operations and all of the language, and what the frameworks make of them.

`draw.document(seed)` gives a spec; the same seed gives the same one. `python -m tests.fuzz 500 --seed 0` verifies 500.

A `builder` adds steps to a list, and `interpret` runs each; `operations` and `forms` propose what comes next, with
`attributes` and `expressions`; `scopes` are what has inputs. `verify` says what is wrong with a spec, `standins` what
can be said without frameworks; `names` gives specs the identifiers that generated code itself uses.
"""
