"""How Keras spells each operation, with channels last: a rename, a small expression, or a function that says what it
bridges.

`ROWS` of the module of a family has its operations.
"""
