# Limits, device rules, OOM kills, freezer, stats and update on cgroup v2.
cat > /tmp/look.sh <<'LOOK'
cd /sys/fs/cgroup; for f in memory.max memory.swap.max memory.low pids.max cpu.max cpu.weight cpuset.cpus io.max; do echo "$f=$(cat $f)"; done; echo "nproc=$(nproc)"
LOOK
disk=$(cat /sys/block/vda/dev)
seen=$(docker run --rm -v /tmp/look.sh:/look.sh:ro -m 64m --memory-swap 96m --memory-reservation 32m --pids-limit 33 --cpus 0.5 -c 2048 --cpuset-cpus 1 --device-write-bps /dev/vda:1mb busybox sh /look.sh 2>&1)
for want in memory.max=67108864 memory.swap.max=33554432 memory.low=33554432 pids.max=33 "cpu.max=50000 100000" cpu.weight=79 cpuset.cpus=1 "io.max=$disk rbps=max wbps=1048576" nproc=1; do check "limit $want" has "$seen" "$want"; done
check "pids are limited for real" has "$(docker run --rm --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done' 2>&1)" "can't fork"
check "cpu is limited for real" sh -c "docker run --rm --cpus 0.1 busybox sh -c 'i=0; while [ \$i -lt 3000 ]; do i=\$((i+1)); done; cat /sys/fs/cgroup/cpu.stat' | grep 'nr_throttled [1-9]'"

since=$(date +%s)
docker run --name oom -m 24m --memory-swap 24m busybox tail /dev/zero >/dev/null 2>&1
check "an OOM kill is exit code 137" is $? 137
check "an OOM kill is in inspect" is "$(docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom)" "true 137"
check "an OOM kill is an event" is "$(docker events --since "$since" --until "$(($(date +%s) + 1))" --filter container=oom --filter event=oom --filter event=die --format '{{.Action}} {{.Actor.Attributes.name}}' | tr '\n' ' ')" "oom oom die oom "
docker rm oom >/dev/null

check "a device that is not allowed is refused" has "$(docker run --rm busybox sh -c 'mknod /x b 254 0; cat /x' 2>&1)" "not permitted"
check "a device that is given may be read" is "$(docker run --rm --device /dev/vda:/dev/disk:r busybox sh -c 'head -c 512 /dev/disk | wc -c; echo x 2>/dev/null >/dev/disk || echo read-only' 2>&1 | tr '\n' ' ')" "512 read-only "
check "a device rule is honoured" is "$(docker run --rm --device-cgroup-rule 'b *:* rm' busybox sh -c "mknod /x b ${disk%:*} ${disk#*:} && head -c 512 /x | wc -c" 2>&1)" 512
check "a privileged container has all devices" is "$(docker run --rm --privileged busybox sh -c 'head -c 512 /dev/vda | wc -c' 2>&1)" 512

docker run -d --name one -m 64m --cpus 0.8 busybox sh -c 'while :; do echo tick; sleep 0.2; done' >/dev/null
check "exec" is "$(docker exec one echo in 2>&1)" in
g=$(group one)
check "a container's cgroup is below /gantry" has "$g" /sys/fs/cgroup/gantry/
check "exec is in the container's cgroup" is "$(docker exec one cat /proc/1/cgroup /proc/self/cgroup | sort -u)" "0::/"
docker pause one >/dev/null
check "pause freezes" is "$(cat "$g/cgroup.freeze") $(grep -c 'frozen 1' "$g/cgroup.events") $(state one Status)" "1 1 paused"
check "exec in a paused container is refused" has "$(docker exec one true 2>&1)" "paused"
docker unpause one >/dev/null
check "unpause thaws" is "$(cat "$g/cgroup.freeze") $(state one Status)" "0 running"
check "stats" sh -c "docker stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' one | tee /dev/stderr | grep -E '^[0-9.]+[KM]iB / 64MiB [1-9]'"
docker update -m 48m --memory-swap 48m --cpus 0.3 --pids-limit 20 --cpuset-cpus 0 one >/dev/null
check "update of a running container" is "$(cat "$g/memory.max" "$g/memory.swap.max" "$g/cpu.max" "$g/pids.max" "$g/cpuset.cpus" | tr '\n' ' ')" "50331648 0 30000 100000 20 0 "
check "top" has "$(docker top one)" sleep
check "stop" docker stop -t 1 one
check "exit code of a stopped one" is "$(state one ExitCode)" 137
check "rm" docker rm one
check "no cgroup of it is left" no_cgroup_left
