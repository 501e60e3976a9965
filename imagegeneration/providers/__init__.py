"""The providers: what is asked of one, one file a vendor, and what pauses and slows calls."""
