import { type Application, line, shell } from './application';

const COMPOSE = `name: jobs
x-job: &job
  image: debian-apps
  network_mode: none
services:
  first:
    <<: *job
    command: ["sh", "-c", "echo one > /out/result"]
    volumes: ["out:/out"]
  second:
    <<: *job
    command: ["sh", "-c", "cat /out/result; echo two >> /out/result; exit $\${CODE}"]
    volumes: ["out:/out"]
    environment: ["CODE=\${CODE:-0}"]
    depends_on:
      first: {condition: service_completed_successfully}
  third:
    <<: *job
    command: ["sh", "-c", "cat /out/result"]
    volumes: ["out:/out:ro"]
    depends_on:
      second: {condition: service_completed_successfully}
  tool:
    <<: *job
    profiles: [debug]
    entrypoint: ["sh", "-c"]
    tmpfs: [/scratch]
    cap_drop: [ALL]
    read_only: true
    mem_limit: 64m
    pids_limit: 50
    ulimits: {nofile: 1000}
    sysctls: {kernel.msgmax: 1000}
    user: "70:70"
    working_dir: /scratch
    hostname: toolbox
volumes:
  out: {}
`;

export const jobs: Application = {
  name: 'jobs that wait for each other, and fail',
  files: { 'compose.yaml': COMPOSE },
  steps: [
    line('config --format json --environment', 'code'),
    shell('compose up --no-color --abort-on-container-failure 2>/dev/null | grep third'),
    line('ps -a --format {{.Service}}\u00a0{{.State}}\u00a0{{.ExitCode}}', 'set'),
    shell('CODE=3 compose up --no-color --exit-code-from second >/dev/null 2>&1'),
    shell('CODE=3 compose --progress plain up -d 2>&1 | grep -o "didn.t complete successfully: exit 3"'),
    line('--progress plain rm -fsv', 'set'),
    shell('CODE=7 compose run --rm -T --no-deps second', 'code'),
    line(
      'run --rm -T tool id\u00a0-u;\u00a0pwd;\u00a0hostname;\u00a0ulimit\u00a0-n;\u00a0cat\u00a0/proc/sys/kernel/msgmax;\u00a0touch\u00a0/x',
    ),
    line('run -d --name kept -e X=1 tool trap\u00a0exit\u00a0TERM;\u00a0while\u00a0:;\u00a0do\u00a0sleep\u00a00.1;\u00a0done', 'code'),
    shell(
      'docker inspect -f "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.ReadonlyRootfs}} {{index .Config.Labels \\"com.docker.compose.oneoff\\"}}" kept',
    ),
    line('ps -a --orphans --format {{.Name}}'),
    shell('docker kill kept >/dev/null; docker wait kept; docker rm kept'),
    line('--progress plain up -d first', 'set'),
    line('wait first'),
    line('wait nobody'),
    line('--progress plain down -v --remove-orphans', 'set'),
    line('down'),
  ],
};
