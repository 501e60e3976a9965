"""People: who has signed in, and what they may do."""

from imagegeneration.dashboard.frame import head
from imagegeneration.dashboard.people.page import people

head("People", "Who has signed in, and what they may do.")
people()
