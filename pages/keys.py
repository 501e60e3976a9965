"""API keys: access for the reader's own programs."""

from imagegeneration.dashboard.frame import head
from imagegeneration.dashboard.keys.page import keys

head("API keys", "A client that sends your key acts for you, within what the key may do.")
keys()
