"""Operations: what needs an operator, which runners work, what waits, and today's money."""

from imagegeneration.dashboard.frame import head
from imagegeneration.dashboard.operations.page import operations

head("Operations", "Whether anything needs you, and what to do about it. The page follows by itself.")
operations()
