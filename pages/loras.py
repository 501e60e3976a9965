"""LoRAs: the style add-ons that users may choose from, kept by admins."""

from imagegeneration.dashboard.frame import head
from imagegeneration.dashboard.loras.page import loras

head("LoRAs", "Small models that change the style of a larger one. Everybody chooses from those that are offered here.")
loras()
