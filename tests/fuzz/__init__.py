"""Hostile and unlucky requests by the thousand, against the whole service on a real ledger."""
