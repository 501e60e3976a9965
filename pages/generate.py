"""Generate: describe, review, approve, and watch the images arrive."""

from imagegeneration.dashboard.announcements import announce
from imagegeneration.dashboard.frame import head
from imagegeneration.dashboard.generate.describe import describe
from imagegeneration.dashboard.generate.desk import open_desk
from imagegeneration.dashboard.generate.elsewhere import follow
from imagegeneration.dashboard.generate.progress import progress
from imagegeneration.dashboard.generate.review import review
from imagegeneration.dashboard.generate.steps import steps

head("Generate", "Describe what you need, check the prompt and the price, then generate.")
announce()
desk = open_desk()
steps(desk.step)
if desk.draft.job_id is not None:
    progress(desk, desk.draft.job_id)
else:
    follow(desk)
    (review if desk.step == "review" else describe)(desk)
