"""The file of every model, of whatever kind: one zip of data, never of code.

Members, stored without compression and in this order: ``model.json`` (the contract),
``weights.safetensors``, ``model_card.md``. Equal models have equal bytes. Reading unpickles
nothing, trusts no size, and needs no torch.
"""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from geocity.core.contract_fields import CITY, SLUMS, Contract, document_kind, read_document
from geocity.errors import ModelError
from geocity.io.staging import PathLike, staged
from geocity.io.stored_zips import write_stored_zip

CONTRACT = "model.json"
WEIGHTS = "weights.safetensors"
CARD = "model_card.md"

# Bounds on what a member may hold: a hostile file must not fill the memory.
_MAX_BYTES = {CONTRACT: 64 << 20, WEIGHTS: 16 << 30, CARD: 16 << 20}

_MAKERS = {SLUMS: "geocity train", CITY: "geocity city train or geocity city import"}
_KINDS = {SLUMS: "a slum model, which classifies pixels", CITY: "a city model, which names cities"}

Weights = Mapping[str, NDArray[np.generic]]


C = TypeVar("C", bound=Contract)


@dataclass(frozen=True, slots=True)
class Package(Generic[C]):
    """A model file: its contract now, its weights when asked for.

    Attributes:
        path: where the file lies.
        contract: what the model expects and gives.
    """

    path: Path
    contract: C

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Read the weights: arrays by name.

        Raises:
            ModelError: if the weights are damaged, do not match the contract's hash, or hold
                numbers that are not finite.
        """
        data = _read_member(self.path, WEIGHTS)
        digest = hashlib.sha256(data).hexdigest()
        if digest != self.contract.weights_sha256:
            raise ModelError(
                f"{self.path}: the weights are not those that the contract was written for "
                f"(SHA-256 {digest[:12]}…, expected {self.contract.weights_sha256[:12]}…); "
                "get the file again from where it came"
            )
        try:
            arrays: dict[str, NDArray[np.generic]] = safetensors.numpy.load(data)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{self.path}: its weights are not a safetensors file ({error}); "
                "get the file again from where it came"
            ) from error
        for name, array in arrays.items():
            if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
                raise ModelError(
                    f"{self.path}: weight {name!r} holds numbers that are not finite; "
                    "the training diverged, train it again with a lower learning rate"
                )
        return arrays

    def card(self) -> str:
        """Read the model card, Markdown for people."""
        return _read_member(self.path, CARD).decode("utf-8", errors="replace")


def write_package(
    out: PathLike,
    contract: C,
    weights: Weights,
    card: Callable[[C], str],
    *,
    overwrite: bool,
) -> Path:
    """Write a model file.

    Args:
        out: the file to write.
        contract: what the model expects and gives; its hash is filled in.
        weights: arrays by name.
        card: makes the model card from the contract.
        overwrite: replace a file that is there.

    Returns:
        The path of the file.

    Raises:
        ModelError: if a weight is not finite.
        OutputExistsError: if ``out`` is there and may not be replaced.
    """
    for name, array in weights.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise ModelError(
                f"weight {name!r} holds numbers that are not finite; "
                "the training diverged, train again with a lower learning rate"
            )
    data = safetensors.numpy.save({k: np.asarray(v, order="C") for k, v in weights.items()})
    sealed = replace(contract, weights_sha256=hashlib.sha256(data).hexdigest())
    members = {CONTRACT: sealed.to_json().encode(), WEIGHTS: data, CARD: card(sealed).encode()}
    with staged(out, overwrite=overwrite) as stage:
        write_stored_zip(stage.path, members)
    return Path(out)


def read_contract(path: PathLike, kind: str, parse: Callable[[str], C]) -> C:
    """Open a model file: check it and read its contract.

    Args:
        path: the file.
        kind: the kind of model that is needed.
        parse: reads a contract of that kind.

    Raises:
        ModelError: if the file is missing, is not a geocity model, is of another kind, is
            damaged, was tampered with, or was written by a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(
            f"{path}: there is no such model file; give the file that {_MAKERS[kind]} wrote"
        )
    data = _read_member(path, CONTRACT)
    try:
        text = data.decode("utf-8")
        found = document_kind(read_document(text))
        contract = parse(text) if found == kind else None
    except (UnicodeDecodeError, ValueError) as error:
        raise ModelError(f"{path} cannot be used as a model: {error}") from error
    if contract is None:
        is_a = _KINDS.get(found, f"a model of the unknown kind {found!r}")
        raise ModelError(
            f"{path} is {is_a}; expected {_KINDS[kind]}: give a file that {_MAKERS[kind]} wrote"
        )
    _check_members(path)
    return contract


def _read_member(path: Path, name: str) -> bytes:
    with _open(path) as archive:
        try:
            info = archive.getinfo(name)
        except KeyError as error:
            raise ModelError(
                f"{path} is a zip without {name}; expected a model file that geocity train wrote"
            ) from error
        _check_member(path, info)
        try:
            return archive.read(info)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
            raise ModelError(
                f"{path} is damaged ({name}: {error}); get it again from where it came"
            ) from error


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelError(
            f"{path} is not a model file ({error}); expected the file that geocity train wrote"
        ) from error


def _check_members(path: Path) -> None:
    with _open(path) as archive:
        found = archive.infolist()
        for info in found:
            _check_member(path, info)
        names = sorted(info.filename for info in found)
    if names != sorted(_MAX_BYTES):
        raise ModelError(
            f"{path} holds {', '.join(n[:80] for n in names[:5])}; expected exactly "
            f"{', '.join(_MAX_BYTES)}: not a model that geocity wrote"
        )


def _check_member(path: Path, info: zipfile.ZipInfo) -> None:
    """Refuse foreign names and packed members before a byte of them is read."""
    if info.filename not in _MAX_BYTES:
        raise ModelError(
            f"{path} holds a foreign member {info.filename[:80]!r}; expected only "
            f"{', '.join(_MAX_BYTES)}: not a model that geocity wrote"
        )
    stored = info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
    if not stored or info.flag_bits & 0x1:
        raise ModelError(
            f"{path}: {info.filename} is compressed or encrypted, and model files are "
            "stored plain; it was packed again by another program, get the original"
        )
    if info.file_size > min(_MAX_BYTES[info.filename], path.stat().st_size):
        raise ModelError(
            f"{path}: {info.filename} claims {info.file_size} bytes, more than a model may hold; "
            "get the file again from where it came"
        )
