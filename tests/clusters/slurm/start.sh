#!/bin/bash
# Start a SLURM cluster of virtual nodes on this machine, as root, without systemd.
#   start.sh STATE [NODES] [PORT]
#   export SLURM_CONF=STATE/slurm.conf MASTER_ADDR=127.0.0.1   # names of virtual nodes have no address
# STATE is a new folder for everything that the daemons write; PORT is the first of NODES + 1 ports.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
state=$(mkdir -p "$1" && cd "$1" && pwd)
nodes=${2:-3}
port=${3:-17000}
for program in munged slurmctld slurmd sinfo; do
    command -v "$program" > /dev/null || {
        echo "start.sh: no $program: apt-get install --no-install-recommends slurmctld slurmd munge slurm-client" >&2
        exit 2
    }
done
export SLURM_CONF=$state/slurm.conf
mkdir -p "$state"/{munge,controller,spool,log,pids}
chmod 755 "$state"
chmod 700 "$state/munge"
sed -e "s|@STATE@|$state|g; s|@HOST@|$(hostname -s)|g; s|@NODES@|$nodes|g; s|@CPUS@|$(nproc)|g" \
    -e "s|@PORT@|$port|g; s|@FIRST@|$((port + 1))|g; s|@LAST@|$((port + nodes))|g" \
    "$here/slurm.conf.in" > "$SLURM_CONF"
(umask 077 && head -c 1024 /dev/urandom > "$state/munge/key")
munged --force --key-file="$state/munge/key" --socket="$state/munge.sock" \
    --pid-file="$state/pids/munged.pid" --log-file="$state/log/munged.log" --seed-file="$state/munge/seed"
slurmctld -c
for node in $(seq "$nodes"); do
    slurmd -N "node$node"
done
for _ in $(seq 150); do
    [ "$(sinfo --noheader --states=idle --format=%D 2> /dev/null)" = "$nodes" ] && exit 0
    sleep 0.2
done
sinfo --Node
tail -n 5 "$state"/log/*.log
exit 1
