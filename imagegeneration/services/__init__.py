"""The use cases: what a page can do, the API can do, because both call these."""
