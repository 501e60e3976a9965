"""The view of the operators."""
