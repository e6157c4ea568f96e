"""The ledger on SQL: SQLite or PostgreSQL. SQLAlchemy stops at this package."""
