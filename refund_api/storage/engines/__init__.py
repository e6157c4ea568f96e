"""The database engines. base.py says what an engine must offer, table.py lists them, and each has a module."""
