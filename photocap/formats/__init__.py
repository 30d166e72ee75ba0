"""The structure of image files: one module per format."""
