"""The models that can be asked for, with their options and prices."""
