"""The history of the schema. A change is a new file in versions/, expand first, contract a release later."""
