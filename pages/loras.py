"""LoRAs: the style add-ons that users may choose from, kept by admins."""

from imagegeneration.dashboard.frame import head
from imagegeneration.dashboard.loras.page import loras

head("LoRAs", "Style add-ons for Flux models. Users choose from those that are enabled here.")
loras()
