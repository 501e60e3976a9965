"""The processes of an installation: which run, and whether their settings agree."""
