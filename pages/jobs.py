"""Jobs: what was asked for, what became of it, and the addresses of the images."""

from imagegeneration.ui.board import board, choose_filters
from imagegeneration.ui.frame import head

head("Jobs", "Newest first. The page follows by itself what happens.")
board(choose_filters())
