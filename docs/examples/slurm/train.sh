#!/bin/bash
#SBATCH --job-name=parrots-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --requeue
# One model over all GPUs of the job:  sbatch train.sh phone-book --width 1024 --layers 12 --out results/large
# Run it again after the time is up: it goes on from its last checkpoint.
set -euo pipefail
source "${PARROTS_VENV:-.venv}/bin/activate"

port=$((20000 + SLURM_JOB_ID % 20000))
srun torchrun --nnodes "$SLURM_NNODES" --nproc-per-node "$SLURM_GPUS_ON_NODE" \
  --rdzv-id "$SLURM_JOB_ID" --rdzv-backend c10d --rdzv-endpoint "$(hostname):$port" \
  -m experiments.cli train "$@"
