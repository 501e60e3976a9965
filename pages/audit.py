"""Audit: who decided what, when and why, in a record that shows tampering."""

from imagegeneration.dashboard.audit.page import audit
from imagegeneration.dashboard.frame import head

head("Audit", "A tamper-evident log of every decision.")
audit()
