"""What can go wrong, by whose fault.

ContractError
├── DeclarationError      ours: a class that cannot be a data contract; raised at import
├── DocumentError         theirs: bytes that are not the document the contract describes
└── ValueNotWritable      ours: a value the wire cannot carry
"""


class ContractError(Exception):
    """Base of every error of this package; never raised itself."""


class DeclarationError(ContractError):
    """A data contract is declared wrongly; the text names class and member."""


class DocumentError(ContractError):
    """The bytes cannot be read as the contract; .NET raises SerializationException or XmlException here."""


class ValueNotWritable(ContractError):
    """A value that .NET refuses to write too, such as a lone surrogate."""
