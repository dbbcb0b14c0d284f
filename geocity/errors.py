"""Every error that geocity raises on purpose.

A message has three parts: what was found, what was expected, and what to do about it.

```
GeocityError
├─ InputError (ValueError)            a file or an option cannot be used as it is
│  ├─ MissingCRSError                 a raster or layer does not say where on Earth it lies
│  ├─ GridMismatchError               two rasters that must share a grid do not
│  ├─ BandMismatchError               a scene's bands are not those that are needed
│  ├─ ClassTableError                 a pixel or label value has no class, or classes disagree
│  ├─ LabelError                      outlines or label rasters cannot serve as labels
│  └─ NoOverlapError                  two inputs do not meet anywhere
├─ ModelError (ValueError)            a model file is damaged, hostile, or from another version
├─ OutputError (OSError)              a result cannot be written
│  └─ OutputExistsError (FileExistsError)
├─ WorkError (RuntimeError)           parts of the work could not be done
└─ MissingDependencyError (ImportError)   an optional package is needed and not installed
```
"""


class GeocityError(Exception):
    """Base of every error that geocity raises on purpose."""


class InputError(GeocityError, ValueError):
    """A file or an option cannot be used as it is."""


class MissingCRSError(InputError):
    """A raster or a layer has no coordinate reference system."""


class GridMismatchError(InputError):
    """Two rasters that must share a grid do not."""


class BandMismatchError(InputError):
    """The bands of a scene are not those that are needed."""


class ClassTableError(InputError):
    """A pixel or label value has no class, or two class tables disagree."""


class LabelError(InputError):
    """Outlines or a label raster cannot serve as labels."""


class NoOverlapError(InputError):
    """Two inputs do not meet anywhere."""


class ModelError(GeocityError, ValueError):
    """A model file is damaged, hostile, incomplete, or from another version."""


class OutputError(GeocityError, OSError):
    """A result cannot be written."""


class OutputExistsError(OutputError, FileExistsError):
    """The output is already there and may not be replaced."""


class WorkError(GeocityError, RuntimeError):
    """Parts of the work could not be done, or the processes that should do them are gone."""


class MissingDependencyError(GeocityError, ImportError):
    """An optional package is needed and not installed."""
