#!/bin/sh
# Runs inside the guest at every boot: the parts that /root/check/parts names. /root/check/boot counts the boots.
export DOCKER_HOST=unix:///run/gantry/docker.sock HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /root/check || exit 1
. ./lib.sh
boot=$(($(cat boot 2>/dev/null || echo 0) + 1))
echo $boot > boot
asked() { case " $(cat parts) " in *" $1 "*) ;; *) false ;; esac; }

echo
echo "# boot $boot: $(uname -sr), $(stat -fc %T /sys/fs/cgroup), systemd $(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p'), checks begin after $(cut -d. -f1 /proc/uptime) s"
check "the API answers" wait_api
if [ $boot = 1 ]; then
  . ./start.sh
  for part in limits runtimes kernel quota units whole dockerd pods; do
    if asked $part; then echo "# $part"; . ./$part.sh; fi
  done
fi
again=
if asked reboot; then echo "# reboot"; . ./reboot.sh; fi
[ $failed = 0 ] || tell_journal
if [ -n "$again" ]; then
  echo "guest-check: boot again"
  leave "$again"
else
  check "no unit was killed by the watchdog or failed, beside what the checks did" units_are_well
  echo "guest-check: done"
  leave poweroff
fi
