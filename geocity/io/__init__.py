"""Files: one module per kind of file. Never imports torch or click."""
