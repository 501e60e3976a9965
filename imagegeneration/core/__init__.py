"""Values, identifiers, texts, roles and errors that every area uses. No business, and no I/O but logs."""
