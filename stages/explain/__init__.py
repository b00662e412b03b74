"""Why a score is what it is: what each part of the body and each moment of a clip costs or brings, by replacement or by gradients."""
