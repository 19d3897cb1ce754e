"""The built-in backends; each is found by its entry point, as a stranger's would be."""
