"""Looking at data on disk: checks of a dataset's folder, and frames of single clips."""
