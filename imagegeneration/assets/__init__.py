"""Stored images: their bytes in the bucket, and who may use them."""
