"""The database engines: base.py says what one must offer, table.py which there are, a module each has the rest."""
