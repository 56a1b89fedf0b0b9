"""The leaderboard: boards, scores recomputed from predictions, comparisons, and the pages that show them."""
