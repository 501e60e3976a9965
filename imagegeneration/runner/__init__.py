"""The runner: the separate process that makes images. The only package that imports apscheduler."""
