#!/bin/sh
# Table 3: actions of NTU RGB+D, from RGB and from depth: scratch, fine-tuned, frozen; a CNN with GRU, a ResNet with LSTM.
# Works that the paper only cites stand there with its figures.
. "$(dirname "$0")/common.sh"

# shellcheck disable=SC2086
maps $INPUTS
for input in $INPUTS; do
    for split in $SPLITS; do
        learn cnn "$input" "$split"
        learn resnet "$input" "$split" --set settings.encoder_settings.trunk=resnet18
        for how in scratch fine-tuned frozen; do
            recognise cnn "$how" "$input" "$split"
            trunk=""
            [ "$how" != scratch ] || trunk="--set settings.encoder_settings.trunk=resnet18"
            # shellcheck disable=SC2086
            recognise resnet "$how" "$input" "$split" --set settings.recurrent=lstm $trunk
        done
    done
done

row "Shuffle & Learn, frozen" - - depth 40.9 46.2
row "Luo et al., frozen" - - depth 53.2 61.4
row "Vyas et al., fine-tuned" - - depth 78.7 71.8
row "Li et al., scratch" - - depth 37.7 42.3
row "Li et al., fine-tuned" - - depth 63.9 68.1
row "Li et al., frozen" - - depth 53.9 60.8
row "2D ResNet + LSTM, scratch" resnet scratch depth 60.4 63.1
row "2D ResNet + LSTM, fine-tuned" resnet fine-tuned depth 75.5 72.7
row "2D ResNet + LSTM, frozen" resnet frozen depth 58.3 58.0
row "2D CNN + GRU, scratch" cnn scratch depth 76.7 75.9
row "2D CNN + GRU, fine-tuned" cnn fine-tuned depth 82.5 78.8
row "2D CNN + GRU, frozen" cnn frozen depth 67.5 64.7
row "Luo et al., frozen" - - rgb - 56.0
row "Vyas et al., fine-tuned" - - rgb 86.3 82.3
row "Li et al., scratch" - - rgb 29.2 36.6
row "Li et al., fine-tuned" - - rgb 49.3 55.5
row "Li et al., frozen" - - rgb 40.7 48.9
row "2D ResNet + LSTM, scratch" resnet scratch rgb 66.5 66.7
row "2D ResNet + LSTM, fine-tuned" resnet fine-tuned rgb 78.2 73.8
row "2D ResNet + LSTM, frozen" resnet frozen rgb 62.1 63.0
row "2D CNN + GRU, scratch" cnn scratch rgb 77.0 70.3
row "2D CNN + GRU, fine-tuned" cnn fine-tuned rgb 83.6 78.1
row "2D CNN + GRU, frozen" cnn frozen rgb 74.8 68.3
table table-3 "Table 3: NTU RGB+D, accuracy"
