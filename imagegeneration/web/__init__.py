"""What the routes of every area share: the form of answers, who asks, and what a route requires."""
