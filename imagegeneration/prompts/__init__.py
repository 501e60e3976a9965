"""What is written before it is approved: drafts, suggestions, moderation."""
