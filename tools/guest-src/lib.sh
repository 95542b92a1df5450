# What the parts share. Sourced.
failed=0
units='gantryd gantry-supervisor gantry-images gantry-network gantry-shim'

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
wait_api() { wait_for curl -sf --max-time 20 --unix-socket /run/gantry/docker.sock http://localhost/containers/json; }
state() { docker inspect -f "{{.State.$2}}" "$1"; }
running() { is "$(state "$1" Running)" true; }
group() { echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(state "$1" Pid)/cgroup")"; }
web() { is "$(curl -s --max-time 20 "http://127.0.0.1:$1/")" "hello from gantry"; }
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
