"""The API keys page."""
