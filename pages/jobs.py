"""Jobs: what was asked for, what became of it, and the addresses of the images."""

from imagegeneration.dashboard.frame import head
from imagegeneration.dashboard.jobs.board import board, choose_filters

head("Jobs", "Newest first. Updates automatically.")
board(choose_filters())
