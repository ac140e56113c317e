"""The numbers that papers and repositories report: tables to edit, and how they are read."""
