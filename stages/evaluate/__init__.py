"""Stage ``evaluate``: out-of-fold predictions, every metric by name with its interval, a report.  It never trains."""
