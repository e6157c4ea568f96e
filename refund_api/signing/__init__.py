"""Who signed a request, and for what: the key ring, the schemes and the verifier."""
