"""The edge: from a request to its answer. Below it, nothing knows Flask or HTTP."""
