# Sizes of volumes and of containers' own layers, by project quotas: on the guest's own ext4, then on an xfs in its place.
data=/var/lib/gantry
limited() { perl projects.pl $data | awk '$2 > 0'; }
write() { docker run --rm "$@" 2>&1; } # …IMAGE dd of more than there is room for: what it says
zeros() { echo "dd if=/dev/zero of=$1 bs=1M count=$2"; }
full() { case $1 in *'No space left'* | *'quota exceeded'*) ;; *) echo "it wrote: $1"; return 1 ;; esac; }
size_of() { docker run --rm "$@" | awk 'END { print $(NF - 4) }'; } # …IMAGE df -k PATH
no_limit_left() { is "$(limited)" "$before"; }
restart_all() { for u in $units; do systemctl kill -s KILL $u; done; wait_api; docker ps >/dev/null; }

sizes() { # NAME of the file system
  before=$(limited)
  check "$1: volume create --opt size" docker volume create --opt size=20M small
  docker volume create other >/dev/null
  check "$1: inspect" is "$(docker volume inspect -f '{{json .Options}}' small)" '{"size":"20M"}'
  check "$1: df in a container shows the size" is "$(size_of -v small:/v busybox df -k /v)" 20480
  check "$1: a volume takes no more" full "$(write -v small:/v busybox $(zeros /v/f 40))"
  check "$1: what was written is there" sh -c 'docker run --rm -v small:/v busybox sh -c "test \$(du -k /v/f | cut -f1) -gt 15000"'
  check "$1: another volume takes more" docker run --rm -v other:/v busybox $(zeros /v/f 40)
  check "$1: a size on what is mounted is refused by name" has "$(docker volume create --opt size=1M --opt type=tmpfs --opt device=tmpfs wrong 2>&1)" 'option "size"'

  check "$1: run --storage-opt size: no more is written" full "$(write --storage-opt size=20M busybox $(zeros /f 40))"
  check "$1: df shows the size of the root" is "$(size_of --storage-opt size=20M busybox df -k /)" 20480
  check "$1: without one there is no bound" docker run --rm busybox $(zeros /f 40)
  docker run --name fat busybox $(zeros /fat 40) >/dev/null 2>&1; docker commit fat fat >/dev/null; docker rm fat >/dev/null
  check "$1: layers of the image are not charged" docker run --rm --storage-opt size=20M fat sh -c "cat /fat >/dev/null; $(zeros /f 10)"
  check "$1: what is copied up is" full "$(write --storage-opt size=20M fat sh -c 'echo x >> /fat')"
  docker run -d --name sized --storage-opt size=20M -v small:/v busybox sleep 100000 >/dev/null
  check "$1: inspect of a container" is "$(docker inspect -f '{{json .HostConfig.StorageOpt}}' sized)" '{"size":"20M"}'
  check "$1: exec, too" full "$(docker exec sized $(zeros /f 40) 2>&1)"
  check "$1: rm, rename and whiteouts in a bounded root" docker exec sized sh -c 'rm -f /f && mkdir /d && echo x > /d/a && mv /d/a /d/b && rm /bin/wget && rm -r /var/www'

  seen=$(limited)
  restart_all
  check "$1: a kill of every service changes nothing" is "$(limited)" "$seen"
  check "$1: the volume takes no more" full "$(docker exec sized $(zeros /v/g 40) 2>&1)"
  check "$1: nor does the root" full "$(docker exec sized $(zeros /f 40) 2>&1)"
  check "$1: a new volume has another project" docker volume create --opt size=5M next
  check "$1: each has its own" is "$(limited | awk '{ print $1 }' | sort | uniq -d)" ""

  docker rm -f sized >/dev/null; docker volume rm small other next >/dev/null; docker rmi fat >/dev/null
  check "$1: removal frees the projects" wait_for no_limit_left
}

sizes ext4
taken=$(docker volume create --opt size=1M probe >/dev/null; limited | awk 'END { print $1 }')
perl projects.pl $data $((taken + 1)) 4096
docker volume create --opt size=1M passed >/dev/null
check "ext4: a project that another one has limited is passed over" is "$(limited | tail -1 | cut -d' ' -f1)" $((taken + 2))
docker volume rm probe passed >/dev/null; perl projects.pl $data $((taken + 1)) 0
curl -sf --max-time 900 --unix-socket "${DOCKER_HOST#unix://}" -X POST -H 'content-type: application/json' -d '{"DriverOpts":{"size":"1M"}}' -o /dev/null 'http://localhost/volumes/create?n=[1-1000]'
check "ext4: a thousand volumes are a thousand projects" is "$(limited | awk '{ print $1 }' | sort -u | wc -l) $(docker volume ls -q | wc -l)" "1000 1000"
docker volume ls -q | xargs docker volume rm >/dev/null
check "ext4: and none when they are removed" no_limit_left

# What containers have that do not say it; builds are left alone.
mkdir -p /etc/gantry; echo 'container-size: 20M' > /etc/gantry/images.yaml; systemctl restart gantry-images; wait_api
check "container-size: a container without a size has it" full "$(write busybox $(zeros /f 40))"
check "container-size: one with a size has its own" docker run --rm --storage-opt size=60M busybox $(zeros /f 40)
check "container-size: and 0 is no bound" docker run --rm --storage-opt size=0 busybox $(zeros /f 40)
printf 'FROM busybox\nRUN %s && rm /f\n' "$(zeros /f 40)" > /tmp/Dockerfile
check "container-size: steps of a build have none" docker build -q - < /tmp/Dockerfile
rm /etc/gantry/images.yaml; systemctl restart gantry-images; wait_api

# The same on xfs, in the data root's place.
whole_root() { systemctl stop $(for u in $units; do echo $u.socket $u.service; done); }
whole_root
modprobe loop; mv $data $data.ext4; mkdir $data
check "xfs: mount -o pquota" mount -o loop,pquota /root/xfs.img $data
systemctl start $(for u in $units; do echo $u.socket $u.service; done); wait_api
docker load -q -i /root/busybox.tar >/dev/null
sizes xfs
whole_root
umount $data; mount -o loop /root/xfs.img $data
systemctl start $(for u in $units; do echo $u.socket $u.service; done); wait_api
check "xfs without pquota: a volume with a size is refused" has "$(docker volume create --opt size=1M none 2>&1)" "quota size requested but no quota support"
check "xfs without pquota: a container, too" has "$(docker create --storage-opt size=1M busybox 2>&1)" "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
echo 'container-size: 20M' > /etc/gantry/images.yaml; systemctl restart gantry-images 2>/dev/null
refused_start() { journalctl -b -u gantry-images -n 20 --no-pager -o cat | grep -q 'container-size 20M: .* without project quotas'; }
check "xfs without pquota: container-size keeps the service from starting, with words" wait_for refused_start
rm /etc/gantry/images.yaml
whole_root
umount $data; rmdir $data; mv $data.ext4 $data
systemctl reset-failed gantry-images 2>/dev/null
systemctl start $(for u in $units; do echo $u.socket $u.service; done); wait_api
check "the data root is back" docker run --rm busybox true
