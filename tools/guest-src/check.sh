#!/bin/sh
# Runs inside the guest: the installed units under systemd on pure cgroup v2. One line a check.
export DOCKER_HOST=unix:///run/gantry/docker.sock HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
failed=0 passed=0
check() { # name command…
  name=$1; shift
  if out=$("$@" 2>&1); then passed=$((passed + 1)); echo "ok $name"; else failed=$((failed + 1)); echo "FAILED $name: $out" | head -c 600; echo; fi
}
is() { [ "$1" = "$2" ] || { echo "got '$1', want '$2'"; return 1; }; }
wait_api() { i=0; while ! docker version >/dev/null 2>&1; do i=$((i + 1)); [ $i -lt 300 ] || return 1; sleep 0.2; done; }
units='gantryd gantry-supervisor gantry-images gantry-network gantry-shim'

echo "# $(uname -sr), $(stat -fc %T /sys/fs/cgroup), systemd $(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')"
check "cgroup v2 only" is "$(stat -fc %T /sys/fs/cgroup)" cgroup2fs
check "the API answers" wait_api
for u in $units; do check "unit $u is active" is "$(systemctl is-active $u)" active; done
check "load" docker load -q -i /root/busybox.tar
check "run prints" is "$(docker run --rm busybox echo hello 2>&1)" hello
docker run --rm busybox sh -c 'exit 7' >/dev/null 2>&1; check "exit code" is $? 7
check "memory limit" is "$(docker run --rm -m 64m busybox cat /sys/fs/cgroup/memory.max 2>&1)" 67108864
check "pids limit" is "$(docker run --rm --pids-limit 33 busybox cat /sys/fs/cgroup/pids.max 2>&1)" 33
check "cpu limit" is "$(docker run --rm --cpus 0.5 busybox cat /sys/fs/cgroup/cpu.max 2>&1)" "50000 100000"
docker run --rm -m 16m busybox sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60; x=$(cat /dev/zero | head -c 80000000 | tail -c 80000000)' >/dev/null 2>&1
check "memory is limited for real" [ $? -ne 0 ]
check "a device that is not allowed is refused" is "$(docker run --rm busybox sh -c 'mknod /x b 254 0 && cat /x 2>&1 | grep -c "not permitted"' 2>/dev/null)" 1
docker run -d --name counter -p 8080:80 busybox sh -c 'httpd -h /var/www; i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done' >/dev/null
docker run -dt --name tty busybox sh -c 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done' >/dev/null
check "exec" is "$(docker exec counter echo in 2>&1)" in
check "published port" is "$(curl -s --max-time 20 http://127.0.0.1:8080/)" "hello from gantry"
pid=$(docker inspect -f '{{.State.Pid}}' counter)
alive() { is "$(docker inspect -f '{{.State.Pid}} {{.State.Running}}' counter)" "$pid true" && is "$(docker inspect -f '{{.State.Running}}' tty)" true && is "$(docker exec counter echo in 2>&1)" in && is "$(curl -s --max-time 20 http://127.0.0.1:8080/)" "hello from gantry"; }
for u in $units; do
  systemctl restart $u; wait_api; check "containers live through: systemctl restart $u" alive
  systemctl stop $u; sleep 1; systemctl start $u; wait_api; check "containers live through: systemctl stop and start $u" alive
  systemctl kill -s KILL $u; sleep 2; wait_api; check "containers live through: systemctl kill -s KILL $u" alive
done
whole() { docker logs "$1" 2>&1 | tr -d '\r' | awk '{ if ($2 != NR) { print "line " NR " is " $0; exit 1 } } END { if (NR < 10) { print "only " NR " lines"; exit 1 } }'; }
check "no log line of counter was lost" whole counter
check "no log line of tty was lost" whole tty
check "rm -f" docker rm -f counter tty
check "nothing is mounted any more" sh -c '! grep -q overlay /proc/self/mountinfo'
check "no cgroup is left" sh -c '[ -z "$(find /sys/fs/cgroup/gantry -mindepth 1 -type d 2>/dev/null)" ] || { find /sys/fs/cgroup/gantry -mindepth 1 -type d; false; }'
[ $failed = 0 ] || { for u in $units; do journalctl -u $u --no-pager -n 15 -o cat | cut -c1-300; done; }
echo "# $passed passed, $failed failed"
[ $failed = 0 ] && echo "guest-check: all passed" || echo "guest-check: failed"
