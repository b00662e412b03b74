"""Speed, as ratios against a named peer in one run on one machine; numerical agreement is asserted beside every ratio."""
