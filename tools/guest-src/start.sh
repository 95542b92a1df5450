# The units after their first start.
check "cgroup v2 only" is "$(stat -fc %T /sys/fs/cgroup) $(grep -c ' - cgroup ' /proc/self/mountinfo)" "cgroup2fs 0"
for u in $units; do
  check "unit $u is active and told so by itself" is "$(systemctl show -P ActiveState $u) $(systemctl show -P NRestarts $u) $(systemctl show -P StatusText $u)" "active 0 serving below /run/gantry"
done
check "docker info knows cgroup v2" is "$(docker info -f '{{.CgroupVersion}} {{.CgroupDriver}}')" "2 cgroupfs"
check "load" docker load -q -i /root/busybox.tar
check "run prints" is "$(docker run --rm busybox echo hello 2>&1)" hello
docker run --rm busybox sh -c 'exit 7' >/dev/null 2>&1
check "exit code" is $? 7
check "a container sees its own cgroup as the root" is "$(docker run --rm busybox sh -c 'cat /proc/self/cgroup; ls -d /sys/fs/cgroup/cgroup.events' | tr '\n' ' ')" "0::/ /sys/fs/cgroup/cgroup.events "
