# gantry.service, the whole engine in one process: takes over from the units under running containers, is treated as they were, and hands back.
start_three
only() { # UNITS…   these run, with their sockets, and the others do not
  for u in $units gantry; do
    case " $* " in *" $u "*) want=active ;; *) want=inactive ;; esac
    is "$u $(systemctl is-active $u.service) $(systemctl is-active $u.socket)" "$u $want $want" || return 1
  done
}
as_it_should() { is "$(systemctl show -P StatusText gantry) $(cat "/sys/fs/cgroup$(systemctl show -P ControlGroup gantry)/cgroup.procs" | tr '\n' ' ')" "serving below /run/gantry $(main_pid gantry) "; }

check "systemctl start gantry" systemctl start gantry
check "it stands where the units stood" only gantry
check "a call is answered at once" call containers/json
check "it is one process and told so by itself" as_it_should
check "containers live through: gantry in place of the units" alive
systemctl restart --no-block gantry; check "a call made while gantry is restarted waits and is answered" call containers/json
wait_api; check "containers live through: systemctl restart gantry" alive
systemctl stop gantry; check "a call starts gantry again after systemctl stop" call containers/json
check "gantry is active again" wait_for active gantry
systemctl stop gantry; sleep 1; systemctl start gantry; wait_api; check "containers live through: systemctl stop and start gantry" alive
killed gantry; check "a call made after a kill of gantry waits and is answered" call containers/json
wait_for changed gantry "$pid"; check "containers live through: systemctl kill -s KILL gantry" alive
check "run" is "$(docker run --rm -p 8081:80 busybox echo hello 2>&1)" hello
check "a stop for good" systemctl stop gantry.socket gantry
refused() { ! call containers/json; }
check "nobody answers then, and nobody waits" refused
check "systemctl start gantry.socket" systemctl start gantry.socket
check "a call starts gantry" call containers/json
check "containers live through it" alive

check "systemctl start of the units" systemctl start $units
check "they stand where gantry stood" only $units
check "a call is answered" call containers/json
check "containers live through: the units in place of gantry" alive
remove_three
