"""How PyTorch spells each operation: a rename, a small expression, or a function that says what it bridges.

`ROWS` of the module of a family has its operations.
"""
