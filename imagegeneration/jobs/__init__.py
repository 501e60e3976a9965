"""Jobs: from the approval to the stored images."""
