"""What comes before an approval: drafts, suggestions, moderation."""
