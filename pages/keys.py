"""API keys: access for the reader's own programs."""

from imagegeneration.dashboard.frame import head
from imagegeneration.dashboard.keys.page import keys

head("API keys", "A program that sends a key of yours acts for you, within what the key may do.")
keys()
