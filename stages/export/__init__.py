"""Stage ``export``: models and encoders as files that other programs run or load, with a card that says what they are."""
