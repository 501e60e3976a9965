"""The HTTP API under /image: one router file a noun. The only package that imports fastapi."""
