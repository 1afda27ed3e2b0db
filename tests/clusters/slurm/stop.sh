#!/bin/bash
# Stop the cluster that start.sh has started: its jobs first, then the daemons.
#   stop.sh STATE
state=$1
export SLURM_CONF=$state/slurm.conf
scancel --quiet --user="$(id -un)"
for _ in $(seq 50); do
    [ -z "$(squeue --noheader 2> /dev/null)" ] && break
    sleep 0.2
done
for name in slurmd.node slurmctld munged; do
    for file in "$state/pids/$name"*.pid; do
        [ -f "$file" ] && kill "$(cat "$file")" 2> /dev/null
    done
done
exit 0
