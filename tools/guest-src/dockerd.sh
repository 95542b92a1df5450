# In dockerd's place: Debian's own docker.service and docker.socket, as they are, start Gantry through the link under dockerd's name.
systemctl stop $(for u in $units; do echo $u.socket $u.service; done)
DOCKER_HOST=unix:///run/docker.sock
check "Debian's unit has dockerd's own command line" grep -E '^ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock' /lib/systemd/system/docker.service
systemctl start docker.socket
check "a call to docker.sock starts docker.service and is answered" call _ping
check "docker.service is active" wait_for active docker
check "it told so by itself, in the process that dockerd is" is "$(systemctl show -P StatusText docker) $(cat /run/docker.pid)" "serving below /var/run/docker $(main_pid docker)"
check "docker.sock is docker.socket's" is "$(stat -c '%a %U:%G' /run/docker.sock)" "660 root:docker"
check "info" is "$(docker info -f '{{.CgroupVersion}} {{.DockerRootDir}} {{.LiveRestoreEnabled}}')" "2 /var/lib/docker false"
check "the log says what --containerd means here" sh -c 'journalctl -b -u docker -o cat --no-pager | grep -q "containerd /run/containerd/containerd.sock: it is Gantry"'
check "load" docker load -q -i /root/busybox.tar
start_three
killed docker; check "a call made after a kill of dockerd waits and is answered" call containers/json
wait_for changed docker "$pid"; check "containers live through: systemctl kill -s KILL docker" alive

mkdir -p /etc/docker
echo '{"live-restore": true, "labels": ["told=file"]}' > /etc/docker/daemon.json
pid=$(main_pid docker)
check "systemctl reload docker" systemctl reload docker
labelled() { is "$(docker info -f '{{.Labels}} {{.LiveRestoreEnabled}}')" "[told=file] true"; }
check "it reads daemon.json again" wait_for labelled
check "in the same process" is "$(main_pid docker)" "$pid"
systemctl restart --no-block docker; check "a call made while docker is restarted waits and is answered" call containers/json
wait_for changed docker "$pid"; wait_api; check "containers live through: systemctl restart docker, with live-restore" alive
remove_three

# Without live-restore a stop ends the containers, and the policy starts them again.
rm /etc/docker/daemon.json
systemctl restart docker; wait_api
docker run -d --name plain busybox sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done' >/dev/null
docker run -d --name always --restart always -p 8082:80 busybox httpd -f -h /var/www >/dev/null
check "published port" web 8082
check "systemctl stop docker" systemctl stop docker
check "it stops the containers" is "$(find /sys/fs/cgroup/docker /sys/fs/cgroup/gantry -mindepth 1 -type d 2>/dev/null)" ""
check "the pid file is gone" is "$(ls /run/docker.pid 2>/dev/null)" ""
check "a call starts it again" call containers/json
check "--restart always runs again" wait_for running always
check "its port answers" wait_for web 8082
check "one without a policy stays as it ended" is "$(state plain Status) $(state plain ExitCode)" "exited 3"
check "rm -f" docker rm -f plain always
check "nothing is mounted any more" nothing_mounted
docker rmi -f busybox >/dev/null
check "a stop for good" systemctl stop docker.socket docker

DOCKER_HOST=unix:///run/gantry/docker.sock
check "systemctl start of the units" systemctl start $units
check "the API answers" wait_api
