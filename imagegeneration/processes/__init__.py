"""The running processes of an installation, and whether their settings agree."""
