# The same disk booted three times: after the first an orderly reboot, after the second a power loss.
case $boot in
  1)
    docker run -d --name always --restart always -p 8090:80 busybox httpd -f -h /var/www >/dev/null
    docker run -d --name unless --restart unless-stopped busybox sleep 100000 >/dev/null
    docker run -d --name stopped --restart unless-stopped busybox sh -c 'trap "exit 3" TERM; sleep 100000 & wait' >/dev/null
    docker run -d --name plain busybox sleep 100000 >/dev/null
    docker run -d --init --name told busybox sleep 100000 >/dev/null
    docker run -d --name graceful -v kept:/kept busybox sh -c 'trap "ping -c 1 -w 8 172.17.0.1 > /kept/ping; exit 6" TERM; sleep 100000 & wait' >/dev/null
    docker run --name ended busybox sh -c 'exit 5' >/dev/null 2>&1
    docker run -d --rm --name gone busybox sleep 100000 >/dev/null
    sleep 1
    docker stop stopped >/dev/null
    check "before the reboot" web 8090
    check "before the reboot, stopped" is "$(state stopped Status) $(state stopped ExitCode)" "exited 3"
    again=reboot ;;
  *)
    [ $boot = 2 ] && after="after the reboot" || after="after the power loss"
    check "$after: units are active" units_are_well
    check "$after: --restart always runs again" wait_for running always
    check "$after: its port answers" wait_for web 8090
    check "$after: --restart unless-stopped runs again" wait_for running unless
    check "$after: a stopped one stays so" is "$(state stopped Status) $(state stopped ExitCode)" "exited 3"
    if [ $boot = 2 ]; then
      check "$after: one without a policy was stopped" is "$(state plain Status) $(state plain ExitCode)" "exited 137"
      check "$after: one that ends well had the time and the network for it" is "$(state graceful ExitCode) $(docker run --rm -v kept:/kept busybox grep -c '1 packets received' /kept/ping)" "6 1"
      check "$after: one that its signal ends is told so" is "$(docker ps -a --filter name=told --format '{{.Status}}' | cut -d' ' -f1-2)" "Exited (143)"
      docker rm graceful told >/dev/null; docker volume rm kept >/dev/null
    else
      check "$after: one without a policy is exited with 255" is "$(state plain Status) $(state plain ExitCode)" "exited 255"
    fi
    check "$after: an exit code is kept" is "$(state ended Status) $(state ended ExitCode)" "exited 5"
    gone() { ! docker inspect gone; }
    check "$after: a --rm container is gone" wait_for gone
    if asked pods; then case $boot in 2) pods after ;; *) pods lost ;; esac; fi
    check "$after: containers start" is "$(docker start plain >/dev/null && docker exec plain echo in)" in
    if [ $boot = 2 ]; then
      # The last thing that is acknowledged before the power goes must be there afterwards.
      docker run -d --name late --restart always busybox sleep 100000 >/dev/null
      docker run -d --rm --name gone busybox sleep 100000 >/dev/null
      docker volume create late-volume >/dev/null
      again=crash
    else
      check "$after: what was made last is there" wait_for running late
      check "$after: a volume that was made last is there" docker volume inspect late-volume
      check "$after: rm -f" docker rm -f always unless stopped plain ended late
      check "$after: nothing is mounted" nothing_mounted
      check "$after: no cgroup is left" no_cgroup_left
    fi ;;
esac
