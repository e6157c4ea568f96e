"""The action `POST api/order/cancel`: the shape of a request, the decision on the ledger, the handler."""
