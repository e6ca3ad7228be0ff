#!/bin/bash
#SBATCH --job-name=parrots
#SBATCH --ntasks=8
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --mem-per-cpu=4G
#SBATCH --time=24:00:00
#SBATCH --requeue
# A study on a cluster:  sbatch study.sh phone-book --preset paper
# Run it again after the time is up: cells that are in the store are skipped.
set -euo pipefail
source "${PARROTS_VENV:-.venv}/bin/activate"
study=$1
shift
export PARROTS_IN_FLIGHT="$PWD/results/$study/in-flight" # decoders in training, for the workers

port=$((20000 + SLURM_JOB_ID % 20000)) # jobs that share a node need ports of their own
address="tcp://$(hostname):$port"
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

dask scheduler --port "$port" --no-dashboard &
# A worker in each task, with a job at a time; a task sees its own GPU only.
srun dask worker "$address" --nworkers 1 --nthreads 1 --no-dashboard --death-timeout 120 &
python -c "from distributed import Client; Client('$address', timeout=120).wait_for_workers($SLURM_NTASKS, 600)"

parrots run "$study" --dask "$address" --out "results/$study" "$@"
parrots report "results/$study"
