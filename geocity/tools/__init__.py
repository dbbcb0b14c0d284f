"""The jobs: files in, files out, one per module, named like its command."""
