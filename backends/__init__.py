"""The frameworks that archspec generates code for. Installed as `archspec.backends`."""
