"""The HTTP API under /image, with one router file for each noun. The only package that imports fastapi."""
