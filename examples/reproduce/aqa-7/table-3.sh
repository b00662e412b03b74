#!/bin/sh
# Table 3: zero-shot.  Models that were not trained at all, on one action, and on all actions but the one that they are tested on.
# The averages are arithmetic ones, whatever the caption says, and those of one action leave out the action itself.
. "$(dirname "$0")/common.sh"

seen
PROTOCOL=aqa-7/zero-shot
lasts=$ITERATIONS
ITERATIONS=0
lstm aqa-7-random
ITERATIONS=$lasts
for action in $ACTIONS; do
    PROTOCOL=aqa-7/from-$action
    lstm "aqa-7-from-$action"
done
zero_shot

# from ACTION PAPER…: the row of models that were trained on ACTION.
from() {
    one=$1
    shift
    by_action "$one" "aqa-7-from-$one" "$@"
    unseen=$(echo "$ACTIONS" | sed "s/\\<$one\\>//" | xargs | tr ' ' ',')
    cell "$one, average of the unseen" "$LEFT" "aqa-7-from-$one" "per_class/$unseen/spearman"
}
by_action "Random weights" aqa-7-random 0.0590 0.0280 -0.0602 -0.0703 -0.0146 -0.0729 -0.0218
cell "Random weights, average" "$LEFT" aqa-7-random spearman_mean
from diving 0.6997 -0.0162 0.0425 0.0172 0.2337 0.0221 0.0599
from gym_vault 0.0906 0.8472 0.0517 0.0418 -0.1642 -0.3200 -0.0600
from ski_big_air 0.2653 -0.1856 0.6711 0.1807 0.1195 0.2858 0.1331
from snowboard_big_air 0.2115 -0.2154 0.3314 0.6294 0.0945 0.1818 0.1208
from sync_diving_3m 0.1500 -0.0066 -0.0494 -0.1102 0.8084 0.0428 0.0053
from sync_diving_10m 0.0767 -0.1842 0.0679 0.0360 0.4374 0.7397 0.0868
by_action "Multi-action" aqa-7-zero-shot 0.2258 0.0538 0.0139 0.2259 0.3517 0.3512 0.2037
cell "Multi-action, average" "$LEFT" aqa-7-zero-shot spearman_mean
table table-3 "Table 3: AQA-7, trained on one action (or five), tested on each; Spearman"
