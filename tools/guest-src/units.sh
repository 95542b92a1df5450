# Every unit is restarted, stopped and killed under running containers.
docker run -d --name counter -m 64m -p 8080:80 --restart always busybox sh -c 'httpd -h /var/www; i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done' >/dev/null
docker run -dt --name tty busybox sh -c 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done' >/dev/null
docker volume create shared >/dev/null
docker run -d --name reader -v shared:/data busybox sh -c 'while :; do date > /data/now; sleep 1; done' >/dev/null
check "published port" web 8080
look() { docker inspect -f '{{.State.Status}} {{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}}' counter tty reader; }
first=$(look)
alive() { is "$(look)" "$first" && has "$first" running && web 8080 && is "$(docker exec counter echo in 2>&1)" in; }
outside() { # no process of a container, no monitor and no helper in a unit's cgroup: only the service itself
  for u in $units; do is "$u $(cat "/sys/fs/cgroup$(systemctl show -P ControlGroup $u)/cgroup.procs" | tr '\n' ' ')" "$u $(systemctl show -P MainPID $u) " || return 1; done
  pids=$(cat /sys/fs/cgroup/gantry-monitors/*/cgroup.procs)
  [ "$(echo "$pids" | wc -l)" -ge 4 ] || { echo "monitors and helper: '$pids'"; return 1; }
  for pid in $(pgrep -f libexec/gantry-native) $(docker inspect -f '{{.State.Pid}}' counter tty reader); do
    case $(cat "/proc/$pid/cgroup") in 0::/gantry-monitors/* | 0::/gantry/*) ;; *) echo "$pid: $(cat "/proc/$pid/cgroup" "/proc/$pid/comm")"; return 1 ;; esac
  done
}
limit_kept() { is "$(cat "$(group counter)/memory.max")" 67108864; }
main_pids() { for u in $units; do systemctl show -P MainPID $u; done | tr '\n' ' '; }
changed() { [ "$(systemctl show -P MainPID "$1")" != "$2" ] && [ "$(systemctl is-active "$1")" = active ]; }
all_active() { for u in $units; do [ "$(systemctl is-active $u)" = active ] || return 1; done; }
check "containers, monitors and helper live outside every unit's cgroup" outside

for u in $units; do
  systemctl restart $u; wait_api; check "containers live through: systemctl restart $u" alive
  systemctl stop $u; sleep 1; systemctl start $u; wait_api; check "containers live through: systemctl stop and start $u" alive
  pid=$(systemctl show -P MainPID $u)
  systemctl kill -s KILL $u; check "a call made while $u restarts waits and is answered" curl -sf --max-time 60 --unix-socket /run/gantry/docker.sock http://localhost/containers/json
  wait_for changed $u "$pid"; wait_api; check "containers live through: systemctl kill -s KILL $u" alive
done
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
pid=$(systemctl show -P MainPID $watchdog_unit)
sleep 20; check "the watchdog leaves a healthy unit alone" is "$(systemctl show -P MainPID $watchdog_unit)" "$pid"
kill -STOP "$pid"; check "the watchdog replaces a unit that hangs" wait_for changed $watchdog_unit "$pid"
check "containers live through it" alive
check "a container is made after it" is "$(docker run --rm busybox echo hello 2>&1)" hello

check "no log line of counter was lost" whole counter
check "no log line of tty was lost" whole tty
check "rm -f" docker rm -f counter tty reader quick
check "volume rm" docker volume rm shared
check "nothing is mounted any more" nothing_mounted
check "no cgroup is left" no_cgroup_left
check "no port is left" sh -c '! ss -Hlnt | grep :8080'
