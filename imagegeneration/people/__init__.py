"""Users, API keys and sign-in: who may enter, and their request rates."""
