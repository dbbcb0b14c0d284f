"""Work in parts: planned, computed by one process or many, resumed, put together.

A *part* is a rectangle of output pixels whose result lies in files of its own; a *span* is a
rectangle of parts that one task computes as one stream. A tool describes its work as a `Job`,
`run_parts` sees to it that every part gets done, and `finish` makes one result of them.
"""
