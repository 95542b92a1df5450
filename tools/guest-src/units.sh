# Every unit is restarted, stopped and killed under running containers.
start_three
outside() { # no process of a container, no monitor and no helper in a unit's cgroup: only the service itself
  for u in $units; do is "$u $(cat "/sys/fs/cgroup$(systemctl show -P ControlGroup $u)/cgroup.procs" | tr '\n' ' ')" "$u $(main_pid $u) " || return 1; done
  pids=$(cat /sys/fs/cgroup/gantry-monitors/*/cgroup.procs)
  [ "$(echo "$pids" | wc -l)" -ge 4 ] || { echo "monitors and helper: '$pids'"; return 1; }
  for pid in $(pgrep -f libexec/gantry-native) $(docker inspect -f '{{.State.Pid}}' counter tty reader); do
    case $(cat "/proc/$pid/cgroup") in 0::/gantry-monitors/* | 0::/gantry/*) ;; *) echo "$pid: $(cat "/proc/$pid/cgroup" "/proc/$pid/comm")"; return 1 ;; esac
  done
}
limit_kept() { is "$(cat "$(group counter)/memory.max")" 67108864; }
main_pids() { for u in $units; do main_pid $u; done | tr '\n' ' '; }
held() { # every socket of the services belongs to systemd
  for s in $sockets; do active $s.socket || return 1; done
  for name in docker gateway supervisor images network shim build cri; do ss -Hlxp src "/run/gantry/$name.sock" | grep -q '"systemd",pid=1,' || { echo "$name.sock: $(ss -Hlxp src "/run/gantry/$name.sock")"; return 1; }; done
}
# A call that cannot be answered without the service.
through() {
  case $1 in
    gantry-images) echo images/json ;;
    gantry-network) echo networks ;;
    gantry-shim) echo containers/counter/top ;;
    gantry-build) echo 'system/df?type=build-cache' ;;
    gantry-cri) echo grpc:runtime.v1.RuntimeService/Version ;;
    *) echo containers/json ;;
  esac
}
often() { # UNIT   ten kills with a call after each: all are answered, and the unit does not give up
  n=0
  while [ $n -lt 10 ]; do
    n=$((n + 1)) pid=$(main_pid "$1")
    kill -KILL "$pid"
    call "$(through "$1")" >/dev/null || { echo "after kill $n"; return 1; }
    wait_for changed "$1" "$pid" || return 1
  done
}
check "containers, monitors and helper live outside every unit's cgroup" outside

check "systemd holds the sockets" held

for u in $units; do
  systemctl restart --no-block $u; check "a call made while $u is restarted waits and is answered" call "$(through $u)"
  wait_api; check "containers live through: systemctl restart $u" alive
  systemctl stop $u; check "a call starts $u again after systemctl stop" call "$(through $u)"
  check "$u is active again" wait_for active $u
  systemctl stop $u; sleep 1; systemctl start $u; wait_api; check "containers live through: systemctl stop and start $u" alive
  killed $u; check "a call made after a kill of $u waits and is answered" call "$(through $u)"
  wait_for changed $u "$pid"; wait_api; check "containers live through: systemctl kill -s KILL $u" alive
done
for u in gantryd gantry-supervisor; do check "calls are answered through ten kills of $u" often $u; done
check "containers live through: ten kills" alive
systemctl daemon-reload; check "containers live through: systemctl daemon-reload" alive
check "limits are kept through: systemctl daemon-reload" limit_kept
check "limits are made after: systemctl daemon-reload" is "$(docker run --rm -m 32m --cpuset-cpus 1 busybox sh -c 'cat /sys/fs/cgroup/memory.max; nproc' 2>&1 | tr '\n' ' ')" "33554432 1 "
systemctl restart $units; wait_api; check "containers live through: a restart of all units" alive
docker run -d --name quick busybox sh -c 'sleep 2; exit 9' >/dev/null
systemctl stop $units; sleep 3; systemctl start $units; wait_api; check "containers live through: a stop and start of all units" alive
check "the exit of one that ended meanwhile is known" is "$(docker wait quick) $(docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' quick)" "9 exited 9"
before=$(main_pids)
systemctl kill -s KILL $units; for u in $units; do pid=${before%% *}; before=${before#* }; wait_for changed $u "$pid"; done; wait_api
check "containers live through: a kill of all units" alive
check "they still live outside every unit's cgroup" outside

# A service that hangs is found by the watchdog.
watchdog_unit=gantry-network
mkdir -p /run/systemd/system/$watchdog_unit.service.d
printf '[Service]\nWatchdogSec=15s\n' > /run/systemd/system/$watchdog_unit.service.d/watchdog.conf
systemctl daemon-reload; systemctl restart $watchdog_unit; wait_api
pid=$(main_pid $watchdog_unit)
sleep 20; check "the watchdog leaves a healthy unit alone" is "$(main_pid $watchdog_unit)" "$pid"
kill -STOP "$pid"; check "the watchdog replaces a unit that hangs" wait_for changed $watchdog_unit "$pid"
check "containers live through it" alive
check "a container is made after it" is "$(docker run --rm busybox echo hello 2>&1)" hello

docker rm -f quick >/dev/null
remove_three
