# What other kernels lack: SCTP, ipvlan, ESP, AppArmor; and the journal under systemd.
perl_of_host='-v /:/host:ro busybox chroot /host perl /root/check/sctp.pl'
ask() { perl sctp.pl ask "$@"; }
answers() { is "$(ask 127.0.0.1 9000)" "$1"; }
docker run -d --name sctp -p 9000:9000/sctp -p 9100-9102:9000/sctp $perl_of_host serve 9000 first >/dev/null
check "sctp: docker port" is "$(docker port sctp | sort | tr '\n' ' ')" "9000/sctp -> 0.0.0.0:9000 9000/sctp -> 0.0.0.0:9100 "
check "sctp: a published port answers on the loopback" wait_for answers first
check "sctp: and on another address of the host" is "$(ask "$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' bridge)" 9000)" first
check "sctp: the first port of a range" is "$(ask 127.0.0.1 9100)" first
check "sctp: from another container" is "$(docker run --rm $perl_of_host ask "$(docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' sctp)" 9000 2>&1)" first
check "sctp: the port is taken for others" has "$(perl sctp.pl bind 9000 2>&1)" "Address already in use"
check "sctp: and for other containers" has "$(docker run --rm -p 9000:1/sctp busybox true 2>&1)" "Bind for 0.0.0.0:9000 failed: port is already allocated"
check "sctp: tcp and udp have ports of their own" docker run --rm -p 9000:9000/tcp -p 9000:9000/udp busybox true
killed gantry-network; wait_for changed gantry-network "$pid"; wait_api
check "sctp: it answers after a kill of gantry-network" is "$(ask 127.0.0.1 9000)" first
check "sctp: rm -f" docker rm -f sctp
check "sctp: the port is free then" perl sctp.pl bind 9000

modprobe dummy numdummies=0; ip link add parent0 type dummy; ip link set parent0 up
for mode in l2 l3; do
  check "ipvlan $mode: network create" docker network create -d ipvlan -o parent=parent0 -o ipvlan_mode=$mode --subnet 10.77.0.0/24 ipvlan
  docker run -d --name far --network ipvlan --ip 10.77.0.5 busybox httpd -f -h /var/www >/dev/null
  check "ipvlan $mode: the device is one" has "$(docker run --rm --network ipvlan --cap-add NET_ADMIN -v /:/host:ro busybox chroot /host /bin/ip -d link show eth0 2>&1)" "ipvlan  mode $mode"
  check "ipvlan $mode: containers reach each other" is "$(docker run --rm --network ipvlan busybox wget -qO- http://10.77.0.5/ 2>&1)" "hello from gantry"
  [ $mode = l3 ] || check "ipvlan $mode: and by name" is "$(docker run --rm --network ipvlan busybox wget -qO- http://far/ 2>&1)" "hello from gantry"
  docker rm -f far >/dev/null
  check "ipvlan $mode: network rm" docker network rm ipvlan
done
ip link del parent0

# Encrypted networks, by services of their own
NODE_PATH=/usr/local/lib/gantry/node_modules /usr/local/lib/gantry/bin/node esp.cjs; failed=$((failed + $?)); clock=$(up)

# AppArmor
profile() { docker run --rm "$@" busybox cat /proc/self/attr/apparmor/current 2>&1; }
tmpfs='--cap-add SYS_ADMIN --security-opt seccomp=unconfined'
check "apparmor: info tells of it" has "$(docker info -f '{{.SecurityOptions}}')" "name=apparmor"
check "apparmor: a container is under docker-default" is "$(profile)" "docker-default (enforce)"
check "apparmor: runc puts it there, too" is "$(profile --runtime runc)" "docker-default (enforce)"
check "apparmor: a privileged one is not" is "$(profile --privileged)" unconfined
check "apparmor: nor one that asks so" is "$(profile --security-opt apparmor=unconfined)" unconfined
docker run -d --name armoured busybox sleep 1000 >/dev/null
check "apparmor: an exec is under it" is "$(docker exec armoured cat /proc/self/attr/apparmor/current)" "docker-default (enforce)"
check "apparmor: a privileged exec, too" is "$(docker exec --privileged armoured cat /proc/self/attr/apparmor/current)" "docker-default (enforce)"
check "apparmor: inspect" is "$(docker inspect -f '{{.AppArmorProfile}}' armoured)" docker-default
check "apparmor: its processes may signal each other" docker exec armoured sh -c 'sleep 100 & kill $!'
check "apparmor: stop" docker stop -t 20 armoured
docker rm armoured >/dev/null
check "apparmor: it denies mounts" has "$(docker run --rm $tmpfs busybox mount -t tmpfs x /tmp 2>&1)" "ermission denied"
check "apparmor: unconfined may" docker run --rm $tmpfs --security-opt apparmor=unconfined busybox mount -t tmpfs x /tmp
check "apparmor: it denies the kernel's values" has "$(docker run --rm --security-opt systempaths=unconfined busybox sh -c 'echo 1 > /proc/sys/vm/drop_caches' 2>&1)" "ermission denied"
check "apparmor: a step of a build is under it" has "$(printf 'FROM busybox\nRUN cat /proc/self/attr/apparmor/current\n' | DOCKER_BUILDKIT=0 docker build --no-cache - 2>&1)" "docker-default (enforce)"
echo 'profile mine flags=(attach_disconnected) { file, network, capability, signal, deny /secret rw, }' | apparmor_parser -K
check "apparmor: a profile of one's own" is "$(profile --security-opt apparmor=mine)" "mine (enforce)"
check "apparmor: it holds" has "$(docker run --rm --security-opt apparmor=mine busybox sh -c 'echo x > /secret' 2>&1)" "ermission denied"
check "apparmor: one that is not loaded is refused by name" has "$(docker run --rm --security-opt apparmor=nosuch busybox true 2>&1)" nosuch
echo 'profile docker-default { }' | apparmor_parser -R
check "apparmor: the default profile is loaded again when it has gone" is "$(profile)" "docker-default (enforce)"

# The journal
docker run --name told --log-driver journald --log-opt tag=mytag busybox sh -c 'echo to stdout; echo to stderr >&2' >/dev/null 2>&1
check "journald: logs reads back" is "$(docker logs told 2>/dev/null) $(docker logs told 2>&1 >/dev/null)" "to stdout to stderr"
field() { journalctl -b --no-pager -o verbose CONTAINER_NAME=told | sed -n "s/^ *$1=//p" | sort | tr '\n' ' '; }
journal_told() { is "$(field MESSAGE)" "to stderr to stdout "; }
check "journald: the journal has it" wait_for journal_told
check "journald: with its fields" is "$(field CONTAINER_TAG)$(field PRIORITY)$(field CONTAINER_ID_FULL)" "mytag mytag 3 6 $(docker inspect -f '{{.Id}} {{.Id}}' told) "
docker run -d --name teller --log-driver journald busybox sh -c 'i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo line $i; sleep 0.1; done' >/dev/null
systemctl restart systemd-journald
docker wait teller >/dev/null
gapless() { journalctl -b --no-pager -o cat CONTAINER_NAME=teller | awk '$2 != NR { exit 1 } END { if (NR != 50) exit 1 }'; }
check "journald: no line is lost over a restart of it" wait_for gapless
check "journald: nor in logs" is "$(docker logs teller | wc -l)" 50
docker rm told teller >/dev/null
check "journald: nothing is mounted any more" nothing_mounted
