"""What can go wrong, by whose fault.

ContractError
├── DeclarationError      ours: a class that cannot be a data contract; raised at import
├── DocumentError         theirs: bytes that are not the document the contract describes
├── ParserOutOfMemory     ours: the parser lacks memory, whatever the document is
├── ValueNotReadable      theirs: text that is no value of its type; a ValueError too
└── ValueNotWritable      ours: a value the wire cannot carry
"""

from __future__ import annotations

from .reading import Problem, Reason


class ContractError(Exception):
    """Base of every error of this package; never raised itself."""


class DeclarationError(ContractError):
    """A data contract is declared wrongly; the text names class and member."""


class DocumentError(ContractError):
    """The bytes cannot be read as the contract; .NET raises SerializationException or XmlException here."""

    def __init__(self, reason: Reason, *arguments: str | int, member: str | None = None) -> None:
        super().__init__(reason, *arguments)
        self.problem = Problem(member, reason, arguments)

    def __str__(self) -> str:
        return str(self.problem)


class ParserOutOfMemory(ContractError):
    """The parser has no memory, even with fresh means; it says nothing about the document, which may come again."""


class ValueNotReadable(ContractError, ValueError):
    """Text that is no value of its type. Whoever knows the member makes a DocumentError of it."""

    def __init__(self, reason: Reason, *arguments: str | int) -> None:
        super().__init__(reason, *arguments)
        self.reason = reason
        self.arguments = arguments

    def __str__(self) -> str:
        return str(Problem(None, self.reason, self.arguments))


class ValueNotWritable(ContractError):
    """A value that .NET refuses to write too, such as a lone surrogate."""
