#!/bin/sh
# Table VIII: how representations of labelled and unlabelled clips are made alike.
LABELS="${LABELS:-10 40}" EPOCHS="${EPOCHS:-1000}"
. "$(dirname "$0")/common.sh"

see mtl-aqa "$DIVES" rgb
for alignment in aa-msfr s4aqa mmd-laplacian mmd-rbf; do trained_dives "$alignment" "$I3D"; done

row "w/o Alignment" aa-msfr 0.661 0.732
row GRL s4aqa 0.676 0.746
row "MMD (Laplacian Kernel)" mmd-laplacian 0.675 0.739
row "MMD (RBF Kernel)" mmd-rbf 0.671 0.745
table table-8 "Table VIII: MTL-AQA, Spearman"
