# What the recipes of all papers share; the common.sh beside a recipe sources it.  Every variable may be set before a recipe is started:
#
#     SEEDS=0-2 sh table-1.sh
#
# A recipe says everything that it needs, from the data as published on.  What another recipe has made already is skipped, and what was
# interrupted goes on, so run them in any order, and again.  (`paper` marks what a paper states, `ours` what it leaves open.)
set -euf

# Where.
export AQA_DATA="${AQA_DATA:-}"                             # the data sets as they are published (docs/datasets.md)
export AQA_WORKSPACE="${AQA_WORKSPACE:-aqa-workspace}"      # everything that is made; the tables in reproduce/PAPER/

# How it is measured.
SELECT="${SELECT:-val}"     # ours: the best epoch on 15 % of the training clips.  `test` is what published code does, and is stamped
SEEDS="${SEEDS:-0}"         # ours; 0-2 gives the spread over three seeds

SUFFIX=""   # models that were selected in another way are other models
[ "$SELECT" = val ] || SUFFIX="-$SELECT"
HERE=$(cd "$(dirname "$0")" && pwd)

# some_may_fail COMMAND…: go on where single clips could not be done (exit code 4).  They are named, and are missing from every figure;
# the column `clips` of the tables counts the rest.
some_may_fail() {
    code=0
    "$@" || code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 4 ] || exit "$code"
}

# train NAME SET [OPTION…]: models, and their evaluation, under $PROTOCOL; for $EPOCHS, or as long as the method does where that is empty.
train() {
    name=$1 set=$2
    shift 2
    aqa finetune --name "$name$SUFFIX" --dataset "$set" --protocol "$PROTOCOL" --seeds "$SEEDS" --select "$SELECT" \
        ${EPOCHS:+--epochs "$EPOCHS"} --resume auto "$@"
    aqa evaluate --model "$name$SUFFIX"
}

# compare FILE TITLE ROW…: the paper's figures beside ours (compare.py says what a row is).
compare() {
    file=$1 title=$2
    shift 2
    python3 "$HERE/../compare.py" --title "$title" --suffix="$SUFFIX" --csv "$AQA_WORKSPACE/reproduce/${HERE##*/}/$file.csv" "$@"
}

# cell LABEL PAPER EVALUATION FIGURE: one more row of a table; EVALUATION is `-` where none is ours.
ROWS=""
cell() {
    place=-
    if [ "$3" != - ]; then place=$3:$4; fi
    ROWS="$ROWS$1=$2=$place
"
}

# table FILE TITLE: print the rows.
table() {
    file=$1 title=$2 blank=$IFS
    IFS="
"
    # shellcheck disable=SC2086  # one word per line
    set -- $ROWS
    IFS=$blank
    compare "$file" "$title" "$@"
}
