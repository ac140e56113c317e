"""Evaluation: videos and texts become features once, and features become scores."""
