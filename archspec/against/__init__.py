"""A person's own model held against a spec: `archspec verify SPEC --against my_model.py:build`."""
