import { generateKeyPairSync } from 'node:crypto';
import type { BuildCase } from '../case';

const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });

const mount = (options: string): string => `FROM busybox\nRUN --mount=type=${options} `;

/** RUN and its mounts. */
export const run: readonly BuildCase[] = [
  {
    name: 'RUN in both forms',
    rows: ['RUN'],
    dockerfile: 'FROM busybox\nRUN echo $HOME > /shell\nRUN ["sh", "-c", "echo $HOME > /exec"]\n',
  },
  { name: 'RUN without a command', rows: ['RUN'], dockerfile: 'FROM busybox\nRUN\n' },
  { name: 'RUN that fails', rows: ['RUN'], dockerfile: 'FROM busybox\nRUN echo said\nRUN echo out; echo err >&2; exit 42\n', fails: true },
  { name: 'RUN of a program that is missing', rows: ['RUN'], dockerfile: 'FROM busybox\nRUN ["/not/there"]\n', fails: true },
  { name: 'RUN of a command that is missing', rows: ['RUN'], dockerfile: 'FROM busybox\nRUN notthere\n', fails: true },
  {
    name: 'RUN changes, removes, links, owns',
    rows: ['RUN'],
    dockerfile:
      'FROM busybox\nRUN rm /var/www/index.html && mkdir -p /o/p && echo f > /o/f && ln /o/f /o/g && ln -s f /o/l && mknod /o/null c 1 3 && mkfifo /o/pipe && chown 12:34 /o/p && chmod 1770 /o/p && touch -d @1000000000 /o/f\n',
  },
  {
    name: 'RUN replaces a folder',
    rows: ['RUN'],
    dockerfile:
      'FROM busybox\nRUN mkdir -p /r/a/b && echo 1 > /r/a/b/c\nRUN rm -r /r/a && mkdir /r/a && echo 2 > /r/a/n\nRUN rm -r /r/a && echo file > /r/a\n',
  },
  {
    name: 'RUN sees its environment',
    rows: ['RUN'],
    dockerfile: 'FROM busybox\nENV B=2\nARG A=1\nRUN env | grep -v -e ^SHLVL -e ^PWD -e ^HOSTNAME | sort > /env\n',
  },
  {
    name: 'RUN sees its limits and its machine',
    rows: ['RUN'],
    dockerfile:
      'FROM busybox\nRUN hostname > /h; grep -c . /proc/self/mountinfo >/dev/null; id > /id; umask > /umask; grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status > /status; test -w /proc/sys/kernel/hostname || echo ro > /ro; echo $$ > /pid\n',
  },
  {
    name: '/etc/hosts is read-only',
    rows: ['RUN'],
    dockerfile: 'FROM busybox\nRUN echo x >> /etc/hosts && echo written > /w || echo refused > /w\n',
  },
  {
    name: 'hosts of the command line',
    rows: ['RUN'],
    dockerfile: 'FROM busybox\nRUN grep example /etc/hosts > /h\n',
    args: ['--add-host', 'a.example:10.1.2.3'],
  },
  {
    name: 'the host behind the network',
    rows: ['RUN'],
    dockerfile: 'FROM busybox\nRUN grep -cE "^[0-9.]+[[:space:]]gw.example$" /etc/hosts > /n\n',
    args: ['--add-host', 'gw.example:host-gateway'],
  },
  {
    name: 'shared memory and limits of the command line',
    rows: ['RUN'],
    dockerfile: "FROM busybox\nRUN df -k /dev/shm | tail -1 | awk '{print $2}' > /shm; ulimit -n > /n\n",
    args: ['--shm-size', '32m', '--ulimit', 'nofile=100:200'],
  },
  {
    name: 'RUN twice is cached',
    rows: ['RUN'],
    dockerfile: 'FROM busybox\nRUN echo one > /one\nCOPY f /f\nRUN cat /f > /g\n',
    files: { f: 'f' },
    twice: true,
  },
  { name: 'RUN --network=none', rows: ['RUN --network'], dockerfile: 'FROM busybox\nRUN --network=none ls /sys/class/net > /n\n' },
  { name: 'RUN --network=host without leave', rows: ['RUN --network'], dockerfile: 'FROM busybox\nRUN --network=host true\n', fails: true },
  { name: 'RUN --network of an unknown kind', rows: ['RUN --network'], dockerfile: 'FROM busybox\nRUN --network=nope true\n', fails: true },
  {
    name: 'RUN --network=host with leave',
    rows: ['RUN --network'],
    dockerfile: 'FROM busybox\nRUN --network=host echo h > /h\n',
    args: ['--allow', 'network.host'],
  },
  {
    name: 'RUN --security=insecure without leave',
    rows: ['RUN --security'],
    newer: true,
    dockerfile: 'FROM busybox\nRUN --security=insecure true\n',
    fails: true,
  },
  {
    name: 'RUN --security=sandbox',
    rows: ['RUN --security'],
    newer: true,
    dockerfile: 'FROM busybox\nRUN --security=sandbox echo s > /s\n',
  },
  {
    name: 'RUN --device without leave',
    rows: ['RUN --device'],
    newer: true,
    dockerfile: '# syntax=docker/dockerfile:1-labs\nFROM busybox\nRUN --device=example.org/dev=one,required true\n',
    fails: true,
  },
  {
    name: 'a bind from the context',
    rows: ['RUN --mount', 'RUN --mount=type=bind,target|dst|destination'],
    dockerfile: `${mount('bind,target=/m')}cat /m/f > /f; touch /m/x 2>/dev/null && echo rw > /rw || echo ro > /ro\n`,
    files: { f: 'f' },
  },
  {
    name: 'a bind of one file',
    rows: ['RUN --mount=type=bind,source|src'],
    dockerfile: `${mount('bind,src=d/f,dst=/deep/er/f')}cat /deep/er/f > /f\n`,
    files: { 'd/f': 'f' },
  },
  {
    name: 'a bind from a stage, written to',
    rows: ['RUN --mount=type=bind,from', 'RUN --mount=type=bind,rw|readwrite'],
    dockerfile:
      'FROM busybox AS s\nRUN mkdir /o && echo s > /o/s\nFROM busybox\nRUN --mount=type=bind,from=s,source=/o,destination=/m,rw echo w > /m/w && ls /m > /list\nRUN --mount=type=bind,from=s,source=/o,target=/m ls /m > /again\n',
  },
  {
    name: 'a bind from an image',
    rows: ['RUN --mount=type=bind,from'],
    dockerfile: `${mount('bind,from=busybox,source=/etc,target=/e')}head -1 /e/passwd > /p\n`,
  },
  {
    name: 'a bind of what is not there',
    rows: ['RUN --mount=type=bind,source|src'],
    dockerfile: `${mount('bind,source=nope,target=/m')}true\n`,
    fails: true,
  },
  {
    name: 'a bind without a target',
    rows: ['RUN --mount=type=bind,target|dst|destination'],
    dockerfile: `${mount('bind,source=d')}true\n`,
    fails: true,
  },
  {
    name: 'a cache keeps from step to step',
    rows: ['RUN --mount=type=cache,target|dst|destination', 'RUN --mount=type=cache,id'],
    dockerfile:
      'FROM busybox\nRUN --mount=type=cache,id=k1,target=/c echo one > /c/one\nRUN --mount=type=cache,id=k1,target=/c ls /c > /list\nRUN --mount=type=cache,id=k2,target=/c ls /c > /other\n',
  },
  {
    name: 'a cache with mode and owner',
    rows: ['RUN --mount=type=cache,mode', 'RUN --mount=type=cache,uid', 'RUN --mount=type=cache,gid'],
    dockerfile: `${mount('cache,target=/c,id=owned,mode=0711,uid=5,gid=6')}stat -c "%a %u %g" /c > /s\n`,
  },
  {
    name: 'a cache read-only',
    rows: ['RUN --mount=type=cache,ro|readonly'],
    dockerfile: `${mount('cache,target=/c,id=ro,ro')}touch /c/x 2>/dev/null && echo rw > /s || echo ro > /s\n`,
  },
  {
    name: 'a cache from a stage',
    rows: ['RUN --mount=type=cache,from', 'RUN --mount=type=cache,source|src'],
    dockerfile:
      'FROM busybox AS s\nRUN mkdir -p /o/p && echo seed > /o/p/seed\nFROM busybox\nRUN --mount=type=cache,id=from,from=s,source=/o/p,target=/c cat /c/seed > /s; echo more > /c/more\nRUN --mount=type=cache,id=from,from=s,source=/o/p,target=/c ls /c > /list\n',
  },
  ...['shared', 'private', 'locked'].map((sharing) => ({
    name: `a cache with sharing=${sharing}`,
    rows: ['RUN --mount=type=cache,sharing'],
    dockerfile: `${mount(`cache,target=/c,id=s${sharing},sharing=${sharing}`)}echo x > /c/x && ls /c > /l\nRUN --mount=type=cache,target=/c,id=s${sharing},sharing=${sharing} ls /c > /m\n`,
  })),
  {
    name: 'a cache with an unknown sharing',
    rows: ['RUN --mount=type=cache,sharing'],
    dockerfile: `${mount('cache,target=/c,sharing=some')}true\n`,
    fails: true,
  },
  {
    name: 'a tmpfs with a size',
    rows: ['RUN --mount=type=tmpfs,target|dst|destination', 'RUN --mount=type=tmpfs,size'],
    dockerfile: `${mount('tmpfs,target=/t,size=1048576')}df -k /t | tail -1 | awk '{print $2}' > /s; echo x > /t/x\n`,
  },
  {
    name: 'a secret as a file',
    rows: ['RUN --mount=type=secret,id'],
    dockerfile: `${mount('secret,id=s1')}cat /run/secrets/s1 | wc -c > /n; stat -c "%a %u %g" /run/secrets/s1 > /s\n`,
    files: { secret: 'hush' },
    args: ['--secret', 'id=s1,src=%/secret'],
  },
  {
    name: 'a secret with a place, mode and owner',
    rows: [
      'RUN --mount=type=secret,target|dst|destination',
      'RUN --mount=type=secret,mode',
      'RUN --mount=type=secret,uid',
      'RUN --mount=type=secret,gid',
    ],
    dockerfile: `${mount('secret,id=s1,target=/x/y,mode=0444,uid=5,gid=6')}stat -c "%a %u %g" /x/y > /s\n`,
    files: { secret: 'hush' },
    args: ['--secret', 'id=s1,src=%/secret'],
  },
  {
    name: 'a secret in the environment',
    rows: ['RUN --mount=type=secret,env'],
    dockerfile: `${mount('secret,id=s1,env=TOKEN')}echo $TOKEN | wc -c > /n; test -e /run/secrets/s1 && echo file > /f || echo none > /f\n`,
    args: ['--secret', 'id=s1,env=OUTER'],
    env: { OUTER: 'hush' },
  },
  {
    name: 'a secret that is required and missing',
    rows: ['RUN --mount=type=secret,required'],
    dockerfile: `${mount('secret,id=s9,required=true')}true\n`,
    fails: true,
  },
  {
    name: 'a secret that is missing and not required',
    rows: ['RUN --mount=type=secret,required'],
    dockerfile: `${mount('secret,id=s9,required=false')}test -e /run/secrets/s9 && echo there > /s || echo none > /s\n`,
  },
  {
    name: 'an agent that is required and missing',
    rows: ['RUN --mount=type=ssh,required', 'RUN --mount=type=ssh,id'],
    dockerfile: `${mount('ssh,id=mine,required=true')}true\n`,
    fails: true,
  },
  {
    name: 'an agent',
    rows: [
      'RUN --mount=type=ssh,target|dst|destination',
      'RUN --mount=type=ssh,mode',
      'RUN --mount=type=ssh,uid',
      'RUN --mount=type=ssh,gid',
    ],
    dockerfile: `${mount('ssh,target=/s/agent,mode=0666,uid=7,gid=8')}stat -c "%F %a %u %g" /s/agent > /a; echo $SSH_AUTH_SOCK > /b\n`,
    args: ['--ssh', 'default=%/agent.pem'],
    files: { 'agent.pem': { content: key, mode: 0o600 } },
  },
  { name: 'a mount of an unknown kind', rows: ['RUN --mount'], dockerfile: `${mount('nope,target=/x')}true\n`, fails: true },
  { name: 'a mount with an unknown option', rows: ['RUN --mount'], dockerfile: `${mount('cache,target=/x,nope=1')}true\n`, fails: true },
  {
    name: 'mount points leave nothing behind',
    rows: ['RUN --mount'],
    dockerfile:
      'FROM busybox\nRUN --mount=type=cache,target=/a/b/c --mount=type=tmpfs,target=/t/u --mount=type=bind,target=/m/n true\nRUN find / -xdev -maxdepth 3 \\( -path "/a*" -o -path "/t/*" -o -path "/m*" \\) | sort > /left\n',
  },
];
