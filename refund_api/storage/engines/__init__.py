"""The database engines: one module an engine, and what tells them apart."""
