"""What each figure is called for people."""

TITLES = {
    "spearman": "Spearman ρ",
    "spearman_mean": "Spearman ρ, arithmetic mean of classes",
    "spearman_fisher_mean": "Spearman ρ, Fisher-z mean of classes",
    "spearman_pooled": "Spearman ρ, pooled, raw scores",
    "spearman_pooled_normalised": "Spearman ρ, pooled, class-normalised",
    "spearman_pooled_of_class_means": "  (pooled ρ of predicting the class's mean)",
    "relative_l2": "R-ℓ2 × 100",
    "mae": "MAE",
    "rmse": "RMSE",
    "accuracy": "accuracy (= micro-F1)",
    "macro_f1": "macro-F1",
}
