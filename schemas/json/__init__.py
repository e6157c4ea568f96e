"""Data contracts as JSON: what Json.NET 11.0.2 reads and writes."""
