# What the parts share. Sourced.
failed=0
units='gantryd gantry-supervisor gantry-images gantry-network gantry-shim gantry-build gantry-cri'
sockets=$units

check() { # NAME COMMAND…   one line each, with the seconds since the last one
  name=$1; shift
  if out=$("$@" 2>&1); then verdict=ok; else verdict=FAILED; failed=$((failed + 1)); fi
  now=$(up)
  echo "$verdict $name ($((now - clock)) s)"
  [ $verdict = ok ] || echo "$out" | head -c 1500 | sed 's/^/  | /'
  clock=$now
}
is() { [ "$1" = "$2" ] || { echo "got '$1', want '$2'"; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "'$2' is not in '$1'"; return 1 ;; esac; }
up() { cut -d. -f1 /proc/uptime; }
clock=$(up)
# COMMAND… until it succeeds, 60 s
wait_for() { end=$(($(up) + 60)); until "$@" >/dev/null 2>&1; do [ "$(up)" -lt $end ] || { "$@"; return 1; }; sleep 0.2; done; }
# PATH of the API, or grpc:METHOD of cri.sock with an empty message; asked once: nobody tries again for it
call() {
  case $1 in
    grpc:*) printf '\0\0\0\0\0' | curl -sSf --max-time 120 --http2-prior-knowledge --unix-socket /run/gantry/cri.sock -H 'content-type: application/grpc' -H 'te: trailers' \
      --data-binary @- -o /dev/null "http://localhost/${1#grpc:}" ;;
    *) curl -sSf --max-time 120 --unix-socket "${DOCKER_HOST#unix://}" "http://localhost/$1" ;;
  esac
}
wait_api() { wait_for curl -sf --max-time 20 --unix-socket "${DOCKER_HOST#unix://}" http://localhost/containers/json; }
state() { docker inspect -f "{{.State.$2}}" "$1"; }
running() { is "$(state "$1" Running)" true; }
group() { echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(state "$1" Pid)/cgroup")"; }
web() { is "$(curl -s --max-time 20 "http://127.0.0.1:$1/")" "hello from gantry"; }

# Three containers that must live through whatever is done to the services: a published port, a terminal, a volume.
start_three() {
  lines='i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done'
  docker run -d --name counter -m 64m -p 8080:80 --restart always busybox sh -c "httpd -h /var/www; $lines" >/dev/null
  docker run -dt --name tty busybox sh -c "$lines" >/dev/null
  docker volume create shared >/dev/null
  docker run -d --name reader -v shared:/data busybox sh -c 'while :; do date > /data/now; sleep 1; done' >/dev/null
  check "published port" web 8080
  first=$(look)
}
look() { docker inspect -f '{{.State.Status}} {{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}}' counter tty reader; }
alive() { is "$(look)" "$first" && has "$first" running && web 8080 && is "$(docker exec counter echo in 2>&1)" in; }
remove_three() {
  check "no log line of counter was lost" whole counter
  check "no log line of tty was lost" whole tty
  check "rm -f" docker rm -f counter tty reader
  check "volume rm" docker volume rm shared
  check "nothing is mounted any more" nothing_mounted
  check "no cgroup is left" no_cgroup_left
  check "no port is left" sh -c '! ss -Hlnt | grep :8080'
}
pods() { /usr/local/lib/gantry/bin/node pods.cjs "$1"; failed=$((failed + $?)); clock=$(up); }
main_pid() { systemctl show -P MainPID "$1"; }
active() { is "$1 $(systemctl is-active "$1")" "$1 active"; }
changed() { [ "$(main_pid "$1")" != "$2" ] && active "$1"; }
killed() { pid=$(main_pid "$1"); systemctl kill -s KILL "$1"; }
# Lines "line N" without a gap, at least 10
whole() { docker logs "$1" 2>&1 | tr -d '\r' | awk '{ if ($2 != NR) { print "line " NR " is " $0; exit 1 } } END { if (NR < 10) { print "only " NR " lines"; exit 1 } }'; }
nothing_mounted() { ! grep overlay /proc/self/mountinfo; }
no_cgroup_left() { left=$(find /sys/fs/cgroup/gantry -mindepth 1 -type d 2>/dev/null); [ -z "$left" ] || { echo "$left"; return 1; }; }
units_are_well() { for u in $units; do is "$u $(systemctl is-active $u)" "$u active" || return 1; done; ! journalctl -b --no-pager -o cat | grep -E 'gantry.*(Watchdog timeout|Failed with result .(timeout|watchdog|start-limit))' | grep -v "${watchdog_unit:-none}"; }
tell_journal() { for u in $units; do echo "  | == $u"; journalctl -b -u $u --no-pager -n 30 -o cat | cut -c1-400 | sed 's/^/  | /'; done; }
leave() { # poweroff, reboot, or crash: no sync, no unmount, nothing is told
  case $1 in
    crash) sleep 1; echo b > /proc/sysrq-trigger ;;
    *) systemctl --no-block "$1" ;;
  esac
}
