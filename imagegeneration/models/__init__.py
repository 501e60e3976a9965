"""The models of the catalog, with their options and prices."""
