"""DataContractSerializer: bytes <-> instances of one contract. One instance serves all threads."""

from __future__ import annotations

from typing import Generic, TypeVar

from .contract import contract_of
from .prolog import read_text
from .reader import Reader
from .reading import Reading
from .writer import Writer

T = TypeVar("T")


class DataContractSerializer(Generic[T]):
    """Reads and writes as .NET's class of this name does. `charset` is `utf-8` or `utf-16`."""

    def __init__(self, cls: type[T]) -> None:
        """DeclarationError when `cls` cannot be a data contract."""
        declared: type = cls  # mypy does not see that type[T] is hashable
        contract = contract_of(declared)
        self._reader = Reader(contract)
        self._writer = Writer(contract)

    def read(self, data: bytes, charset: str = "utf-8") -> T | None:
        """The instance; None for a root that is i:nil. DocumentError: the document cannot be read."""
        return self.read_document(data, charset).value

    def read_document(self, data: bytes, charset: str = "utf-8") -> Reading[T]:
        """The same, as a Reading that also tells which elements were skipped, and why."""
        return self._reader.read(read_text(data, charset))

    def write(self, value: T | None, charset: str = "utf-8") -> bytes:
        """The bytes of an instance, or of None. ValueNotWritable, whose text names the member."""
        return self._writer.write(value, charset)
