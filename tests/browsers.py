import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
