"""Weights: by the names and in the shapes of a spec, of a generated model, or of another library; and files of them.

`names` brings a library's names to the spec's, `layouts` a framework's arrays to the spec's and back, `files` reads and
writes the formats of frameworks without importing any.
"""
