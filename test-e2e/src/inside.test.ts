import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { bundles, describeEngine, hasProgram, pinnedNode, projectRoot, testWith } from './harness';

/** Engines inside a privileged container: dockerd, podman, a second Gantry, and a third inside that. Their programs are the host's. In `tools/test --all`, or with GANTRY_INSIDE=1. */
const wanted = Boolean(process.env['GANTRY_TEST_ALL']) || Boolean(process.env['GANTRY_INSIDE']);

const MINUTE = 60_000;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where a program is, its folder first on PATH; of one that is not below /usr the tree that it belongs to. */
function placeOf(program: string): { readonly path: string; readonly trees: readonly string[] } {
  const found = execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${program}`], { encoding: 'utf8' }).trim();
  const trees = [found, realpathSync(found)]
    .filter((path) => !path.startsWith('/usr/'))
    .map((path) => path.split('/').slice(0, 3).join('/'));
  return { path: found.slice(0, found.lastIndexOf('/')), trees };
}

const dockerd = hasProgram('dockerd') ? placeOf('dockerd') : undefined;
const shared = ['/usr', '/lib', '/lib64', '/sbin', '/etc/alternatives', projectRoot, ...new Set(dockerd?.trees)];
const binds = shared.flatMap((path) => ['-v', `${path}:${path}:ro`]);

/** A host for an engine: where it keeps its things is no overlay, as below any host. */
const host = (name: string): string[] => [
  ...['run', '-d', '--privileged', '--name', name, '--hostname', name, ...binds],
  ...['-v', '/var/lib', '-v', '/tmp', '-v', '/var/tmp', '--tmpfs', '/run', '-e', `PATH=${dockerd?.path ?? '/usr/bin'}:${PATH}`],
  ...['busybox', 'sleep', '60000'],
];

/** A shell's words that start an engine and wait for it. */
const up = (command: string, socket: string): string =>
  `(${command} > /tmp/log 2>&1 &); for try in $(seq 600); do docker -H unix://${socket} version > /dev/null 2>&1 && break; sleep 0.1; done; docker -H unix://${socket} load -q -i /tmp/busybox.tar || cat /tmp/log`;
const gantry = `${pinnedNode} ${join(bundles, 'gantry.cjs')} up --root /var/lib/gantry --run /run/gantry`;
const GANTRY_SOCKET = '/run/gantry/docker.sock';

/** What is asked of each: a limit, a network, a port, a volume, an exec, a build of the old kind, and that nothing stays. */
const LIMIT = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max';
const lines = (docker: string): string => `set -e
${docker} run --rm -m 40m busybox sh -c '${LIMIT}'
${docker} network create inner > /dev/null
${docker} run -d --name web --network inner -p 127.0.0.1:8080:80 -v kept:/www busybox sh -c 'echo served > /www/index.html; exec httpd -f -h /www' > /dev/null
${docker} run --rm --network inner busybox sh -c 'until wget -qO- http://web/ 2>/dev/null; do sleep 0.1; done'
until busybox wget -qO- http://127.0.0.1:8080/ 2>/dev/null; do sleep 0.1; done
${docker} exec web sh -c 'exit 7' || echo $?
${docker} run --rm -v kept:/www:ro busybox cat /www/index.html
${docker} commit web saved > /dev/null
${docker} run --rm saved echo saved
${docker} rm -f web > /dev/null
${docker} volume rm kept
${docker} network rm inner
${docker} ps -aq`;
const ANSWERS = '41943040\nserved\nserved\n7\nserved\nsaved\nkept\ninner';

const engines: typeof describeEngine = wanted
  ? describeEngine
  : (title) => void test.skip(`${title} [needs tools/test --all]`, () => undefined);

engines('engines inside a privileged container', (suite) => {
  /** The container, with the image of busybox as a file in it. */
  const start = async (name: string): Promise<void> => {
    await suite.ok(...host(name));
    await suite.ok('cp', join(suite.engine.folder, 'busybox.tar'), `${name}:/tmp/busybox.tar`);
  };
  const inside = async (name: string, script: string): Promise<string> => {
    const { code, stdout, stderr } = await suite.docker(['exec', name, 'sh', '-c', script], { timeout: 5 * MINUTE });
    if (code !== 0) throw new Error(`exit ${code}\n${stdout}${stderr}`);
    return stdout.trim();
  };

  testWith('dockerd', dockerd !== undefined)(
    'dockerd does what it does on a host',
    async () => {
      await start('dind');
      expect(await inside('dind', up('dockerd --data-root /var/lib/docker -H unix:///run/d.sock', '/run/d.sock'))).toContain('busybox');
      expect(await inside('dind', lines('docker -H unix:///run/d.sock'))).toBe(ANSWERS);
    },
    15 * MINUTE,
  );

  testWith('podman with crun', hasProgram('podman') && hasProgram('crun'))(
    'podman runs containers',
    async () => {
      await start('pind');
      const podman = 'podman --root /var/lib/p --runroot /run/p --cgroup-manager cgroupfs --events-backend none --runtime crun';
      const told = await inside(
        'pind',
        `set -e; mkdir -p /etc/containers; echo '{"default":[{"type":"insecureAcceptAnything"}]}' > /etc/containers/policy.json
${podman} load -q -i /tmp/busybox.tar
${podman} run --rm --network none --cgroupns private -m 40m localhost/busybox sh -c '${LIMIT}'
${podman} run -d --name b --network none localhost/busybox sleep 600 > /dev/null
${podman} exec b echo executed
${podman} rm -f -t 0 b > /dev/null`,
      );
      expect(told.split('\n').slice(-2)).toEqual(['41943040', 'executed']);
    },
    15 * MINUTE,
  );

  test(
    'Gantry does, and so does a third one inside it',
    async () => {
      await start('second');
      expect(await inside('second', up(gantry, GANTRY_SOCKET))).toContain('busybox');
      expect(await inside('second', lines(`docker -H unix://${GANTRY_SOCKET}`))).toBe(ANSWERS);

      const second = `docker -H unix://${GANTRY_SOCKET}`;
      const quoted = (words: readonly string[]): string => words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
      await inside('second', `${second} ${quoted(host('third'))} && ${second} cp /tmp/busybox.tar third:/tmp/busybox.tar`);
      const third = (script: string): Promise<string> => inside('second', `${second} exec third sh -c ${quoted([script])}`);
      expect(await third(up(gantry, GANTRY_SOCKET))).toContain('busybox');
      expect(await third(lines(`docker -H unix://${GANTRY_SOCKET}`))).toBe(ANSWERS);
      await inside('second', `${second} rm -f -v third`);
      expect(await inside('second', `${second} ps -aq; ${second} volume ls -q`)).toBe('');
    },
    20 * MINUTE,
  );

  // What a test left that failed would be in the way of the others.
  afterEach(async () => {
    for (const name of ['dind', 'pind', 'second']) await suite.docker(['rm', '-f', '-v', name]);
  });

  test('nothing of theirs stays', async () => {
    expect(await suite.ok('ps', '-aq')).toBe('');
    expect(await suite.ok('volume', 'ls', '-q')).toBe('');
  });
});
