# Debian's runc and crun under the engine, on cgroup v2.
for r in runc crun; do
  check "$r: run with limits" is "$(docker run --rm --runtime $r -m 64m --pids-limit 33 --cpus 0.5 busybox sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max' 2>&1 | tr '\n' ' ')" "67108864 33 50000 100000 "
  docker run -d --name oci-$r --runtime $r busybox sh -c 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done' >/dev/null
  check "$r: exec" is "$(docker exec oci-$r echo in 2>&1)" in
  check "$r: pause" is "$(docker pause oci-$r >/dev/null; cat "$(group oci-$r)/cgroup.freeze"; state oci-$r Status; docker unpause oci-$r)" "1
paused
oci-$r"
  systemctl kill -s KILL gantry-shim
  check "$r: lives through a kill of the shim" wait_for sh -c "[ \"\$(docker exec oci-$r echo in)\" = in ]"
  check "$r: logs are whole" whole oci-$r
  docker run --name oom-$r --runtime $r -m 24m --memory-swap 24m busybox tail /dev/zero >/dev/null 2>&1
  check "$r: OOM kill" is "$(docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom-$r)" "true 137"
  check "$r: rm -f" docker rm -f oci-$r oom-$r
done
check "runtimes leave no cgroup" no_cgroup_left
