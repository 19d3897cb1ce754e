"""Networks of the frameworks' own libraries as judges: with their weights, generated code gives their outputs."""
