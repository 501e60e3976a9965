"""What the routes of all areas share: the form of answers, the actor, and what a route requires."""
