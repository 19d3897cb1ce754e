"""A spec from a person's own model: its calls are captured, raised to operations, and written as people would.

`trace` is what a framework's process saw; `raising` makes a tree of the spec's operations of it, by a table that each
backend has; `blocks` finds what is there several times, and `text` writes it down.
"""
