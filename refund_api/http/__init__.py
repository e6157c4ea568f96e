"""The edge: a request in, an answer out. The one room, beside pages and commands, that knows Flask."""
