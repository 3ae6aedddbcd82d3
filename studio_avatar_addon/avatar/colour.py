"""Constants of colour that the add-on and the backend share."""

# Luminance of linear red, green and blue (ITU-R BT.709-6).
LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)
