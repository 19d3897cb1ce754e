"""Calls that sources have in common, with the names that PyTorch has for their arguments: what a backend's table finds
for a call, or gives others to first (`Call.said`)."""
