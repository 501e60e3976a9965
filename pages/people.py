"""People: who has signed in, and what they may do."""

from imagegeneration.ui.frame import head
from imagegeneration.ui.people import people

head("People", "Who has signed in, and what they may do.")
people()
