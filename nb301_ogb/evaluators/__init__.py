"""What is a good prediction: metrics and the official evaluator."""
