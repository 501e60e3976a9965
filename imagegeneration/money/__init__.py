"""Budgets, limits, credits and the ledger."""
