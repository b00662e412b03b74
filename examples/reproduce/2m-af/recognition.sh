# Recognition in four streams; sourced, after common.sh, by the recipes that recognise actions.  They set
#
# INPUT   options: how clips become a network's input, of encoders and models alike
# SCHOOL  options: how CTR-GCN's authors train

# four_streams NAME SET METHOD [OPTION…]: joint, bone, joint motion and bone motion, as NAME-STREAM, and the fusion of their class scores,
# NAME-four.  METHOD pretrains, with its options behind it, an encoder for each stream; `scratch` does not.
four_streams() {
    called=$1 of=$2 way=$3
    shift 3
    for stream in joint bone joint-motion bone-motion; do
        from=none
        if [ "$way" != scratch ]; then
            from=$called-$stream
            # shellcheck disable=SC2086  # $INPUT is several words
            pretrain "$from" "$of" --method "$way" $INPUT --set "settings.input.stream=$stream" "$@"
        fi
        # shellcheck disable=SC2086
        train "$called-$stream" "$of" --task action --method sme-gcn --init "$from" $INPUT --set "settings.input.stream=$stream" \
            --set "settings.encoder_settings=$CTR_GCN" $SCHOOL
    done
    # The weights are those of CTR-GCN's published code.
    aqa evaluate --weights 0.6,0.6,0.4,0.4 -o "$AQA_WORKSPACE/evaluations/$called-four$SUFFIX" \
        --model "$called-joint$SUFFIX" --model "$called-bone$SUFFIX" \
        --model "$called-joint-motion$SUFFIX" --model "$called-bone-motion$SUFFIX"
}
