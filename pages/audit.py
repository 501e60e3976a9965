"""Audit: who decided what, when and why, in a record that shows tampering."""

from imagegeneration.ui.audit import audit
from imagegeneration.ui.frame import head

head("Audit", "Every decision, in a chain that shows any later change.")
audit()
