"""The action `POST api/order/cancel`: the shape of a request, the decision on the ledger, the handler."""

from typing import Final

PATH: Final = "/api/order/cancel"
"""The path of the action as declared; it is a part of what clients sign."""
