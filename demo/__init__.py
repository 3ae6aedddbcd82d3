"""What `python build.py demo [CLIP]` does: the whole way once, through the add-on's operators."""
