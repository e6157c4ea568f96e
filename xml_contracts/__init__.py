"""The DataContract codec: declare a contract, read and write the XML of .NET's DataContractSerializer."""

from .contract import Contract, Member, contract_of
from .declare import Pattern, Rule, data_contract, member
from .errors import (
    ContractError,
    DeclarationError,
    DocumentError,
    ParserOutOfMemory,
    ValueNotReadable,
    ValueNotWritable,
)
from .reading import Problem, Reading, Reason, Skipped
from .serializer import DataContractSerializer

__all__ = [
    "Contract",
    "ContractError",
    "DataContractSerializer",
    "DeclarationError",
    "DocumentError",
    "Member",
    "ParserOutOfMemory",
    "Pattern",
    "Problem",
    "Reading",
    "Reason",
    "Rule",
    "Skipped",
    "ValueNotReadable",
    "ValueNotWritable",
    "contract_of",
    "data_contract",
    "member",
]
