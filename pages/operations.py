"""Operations: what needs an operator, which runners work, what waits, and today's money."""

from imagegeneration.dashboard.frame import head
from imagegeneration.dashboard.operations.page import operations

head("Operations", "What needs attention, and what you can do. Updates automatically.")
operations()
