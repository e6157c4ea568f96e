"""Data contracts as JSON and as HTML forms: marshmallow fields with .NET's conversions.

Members, order and types are declared once, in xml_contracts. These packages only know how each is spelled.
"""
