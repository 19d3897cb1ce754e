"""How operations are spelled in ONNX: a module for each family, whose `ROWS` has a row for each operation."""
