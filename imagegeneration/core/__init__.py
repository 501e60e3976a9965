"""Values, ids, texts, roles and errors that all areas use. No business rules, and no I/O except logs."""
