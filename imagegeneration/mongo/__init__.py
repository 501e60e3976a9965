"""MongoDB: connections, transactions, collections and their schemas."""
