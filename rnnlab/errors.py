from pathlib import Path
def explain(error, folders, overrides):
    return None
