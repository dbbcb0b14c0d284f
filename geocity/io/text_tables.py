"""Tables of figures for a terminal."""

from collections.abc import Sequence


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as text: the first column to the left, the others to the right.

    Args:
        lines: the head first; all of one length.

    Example:
        >>> print(aligned([("class", "IoU"), ("slum", "0.7"), ("background", "0.95")]))
        class        IoU
        slum         0.7
        background  0.95
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
