"""People, API keys and sign-in: who may come in, and how often."""
