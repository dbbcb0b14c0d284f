"""What every open file has in common: a ``with`` block closes it."""

import abc
from typing import Self


class Closing(abc.ABC):
    """Something that is open until it is closed."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close it; closing twice does no harm."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
