"""Submissions to the leaderboard: one file of predictions that is checked against the dataset, never believed."""
