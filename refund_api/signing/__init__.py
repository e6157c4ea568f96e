"""Who signed a request: key ring, schemes, canonical bytes, verifier."""
