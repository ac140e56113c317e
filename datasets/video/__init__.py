"""Reading videos: decoding, sampling of frames, transforms of pixels."""
