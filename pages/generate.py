"""Generate: describe, review, approve, and watch the images arrive."""

from imagegeneration.ui.announcements import announce
from imagegeneration.ui.describe import describe
from imagegeneration.ui.desk import open_desk
from imagegeneration.ui.elsewhere import follow
from imagegeneration.ui.frame import head
from imagegeneration.ui.progress import progress
from imagegeneration.ui.review import review
from imagegeneration.ui.steps import steps

head("Generate", "From an idea to images, with the prompt and the price in your hands.")
announce()
desk = open_desk()
steps(desk.step)
if desk.draft.job_id is not None:
    progress(desk, desk.draft.job_id)
else:
    follow(desk)
    (review if desk.step == "review" else describe)(desk)
