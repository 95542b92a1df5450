/** Checkpoint and restore, with a criu that works here (GANTRY_CRIU names one), and what is said when there is none. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Spec } from '@gantry/oci';
import { createCgroupManager } from '../cgroup/manager';
import { directoryOf } from '../cgroup/stats';
import { enteredNamespaces, externalNamespaces } from '../criu/external-namespaces';
import { resolveInside } from '../criu/external-mounts';
import { layOutCommand, type Command } from '../testing/command';
import type { StoredState } from './state';
import { dockerLikeSpec, makeBundle, missingForContainers } from '../testing/container';

const criu = process.env['GANTRY_CRIU'] ?? 'criu';
const works = spawnSync(criu, ['check']).status === 0;
const missing = missingForContainers();
const work = join(tmpdir(), `gantry-checkpoint-${process.pid}`);
beforeAll(() => mkdirSync(work));
let command: Command | undefined;

beforeAll(() => {
  command = layOutCommand(join(work, 'lib'));
});
afterAll(async () => {
  await command?.end();
  await createCgroupManager().tidy('/gantry-test');
  rmSync(work, { recursive: true, force: true });
});

test('links are followed inside the root', () => {
  const root = join(work, 'root');
  mkdirSync(join(root, 'a/b'), { recursive: true });
  symlinkSync('/a', join(root, 'to-a'));
  symlinkSync('../../../etc', join(root, 'a/out'));
  symlinkSync('loop', join(root, 'loop'));
  expect(['/to-a/b', '/a/out/x', '/../../a', '/loop', '/new/place'].map((path) => resolveInside(root, path))).toEqual([
    '/a/b',
    '/etc/x',
    '/a',
    '/loop',
    '/new/place',
  ]);
});

test('a namespace that is joined by path is left to its owner or entered anew, another kind is refused by its name', () => {
  const spec = (type: string, path: string) => ({ linux: { namespaces: [{ type: 'mount' }, { type: 'uts' }, { type, path }] } }) as Spec;
  const joins = (type: string, path: string) => externalNamespaces(spec(type, path), process.pid);
  expect(joins('network', '/proc/1000000000/ns/net')).toEqual([`net[${statSync('/proc/self/ns/net').ino}]:extRootNetNS`]);
  expect(joins('pid', '/proc/self/ns/pid')).toEqual([`pid[${statSync('/proc/self/ns/pid').ino}]:extRootPidNS`]);
  expect(joins('ipc', '/proc/self/ns/ipc')).toEqual([]);
  expect(enteredNamespaces(spec('ipc', '/proc/self/ns/ipc'))).toEqual([['ipc', '/proc/self/ns/ipc']]);
  expect(enteredNamespaces(spec('network', '/proc/self/ns/net'))).toEqual([]);
  expect(() => joins('user', '/proc/self/ns/user')).toThrow('a namespace by path (user)');
});

(missing === undefined ? describe : describe.skip)(`checkpoint${missing === undefined ? '' : ` [needs ${missing}]`}`, () => {
  let box: ReturnType<typeof makeBundle>;
  const id = `cr-${process.pid}`;
  const run = (criuProgram: string, ...words: string[]) =>
    spawnSync(
      join(work, 'lib/libexec/gantry-runc'),
      ['--root', join(work, 'state'), '--log', join(work, 'log'), '--criu', criuProgram, ...words],
      { cwd: box.bundle, encoding: 'utf8', stdio: ['ignore', words[0] === 'exec' ? 'pipe' : 'ignore', 'ignore'] },
    );
  beforeEach(() => {
    box = makeBundle();
    const spec: Spec = dockerLikeSpec(['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i > /dev/shm/n; sleep 0.1; done']);
    spec.linux!.cgroupsPath = `/gantry-test/${id}`;
    spec.mounts!.push({ destination: '/volume', source: 'volume', options: ['bind'] });
    mkdirSync(join(box.bundle, 'volume'));
    writeFileSync(join(box.bundle, 'volume/f'), 'bound');
    writeFileSync(join(box.bundle, 'config.json'), JSON.stringify(spec));
    expect(run(criu, 'run', '-d', id).status).toBe(0);
  });
  afterEach(() => {
    run(criu, 'delete', '--force', id);
    box.remove();
  });

  test('without criu the error says so, and the container goes on', () => {
    expect(run('/no/such/criu', 'checkpoint', id).status).toBe(1);
    expect(readFileSync(join(work, 'log'), 'utf8')).toContain('checkpoint and restore need criu: \\"/no/such/criu\\" is not installed');
    expect(run(criu, 'exec', id, 'true').status).toBe(0);
  });

  test('a criu that hangs ends with the command, with all that it started, and the container goes on', async () => {
    const at = (name: string): string => join(work, `hung-${name}`);
    const images = join(box.bundle, 'hung');
    mkdirSync(images);
    writeFileSync(join(images, 'kept'), '');
    const { cgroup } = JSON.parse(readFileSync(join(work, 'state', id, 'state.json'), 'utf8')) as StoredState;
    const freezer = directoryOf(cgroup, 'freezer');
    const freeze = cgroup.mode === 'v2' ? `echo 1 >${freezer}/cgroup.freeze` : `echo FROZEN >${freezer}/freezer.state`;
    // Also one that has closed what it was spoken to by is ended.
    const pids = `echo "$$ $!" >${at('pids')}.new; mv ${at('pids')}.new ${at('pids')}`;
    const script = ['#!/bin/sh', `echo half >${images}/pages-1.img`, freeze, 'sleep 1000 &', pids, 'wait'];
    for (const lines of [script, ['#!/bin/sh', 'exec 6>&- 7>&- 8>&- 9>&-', ...script.slice(1)]]) {
      rmSync(at('pids'), { force: true });
      writeFileSync(at('criu'), lines.join('\n'), { mode: 0o755 });
      const words = [
        '--root',
        join(work, 'state'),
        '--log',
        join(work, 'log'),
        '--criu',
        at('criu'),
        'checkpoint',
        '--image-path',
        images,
        id,
      ];
      const asked = spawn(join(work, 'lib/libexec/gantry-runc'), words, { cwd: box.bundle, stdio: 'ignore' });
      const ended = once(asked, 'exit');
      while (!existsSync(at('pids'))) await setTimeout(20);
      asked.kill('SIGTERM');
      expect(await ended).toEqual([1, null]);
      const left = readFileSync(at('pids'), 'utf8')
        .trim()
        .split(' ')
        .filter((pid) => existsSync(`/proc/${pid}/root/`));
      expect(left).toEqual([]);
      expect(readdirSync(images)).toEqual(['kept']);
      expect(readFileSync(join(work, 'log'), 'utf8')).toContain('criu was ended by SIGTERM');
      expect(run(criu, 'exec', id, 'true').status).toBe(0);
      const first = run(criu, 'exec', id, 'cat', '/dev/shm/n').stdout;
      expect(run(criu, 'exec', id, 'sh', '-c', 'sleep 0.5; cat /dev/shm/n').stdout).not.toBe(first);
    }
  }, 60_000);

  (works ? test : test.skip)(`goes on where it was${works ? '' : ' [needs a criu whose check passes, GANTRY_CRIU]'}`, () => {
    expect(run(criu, 'checkpoint', id).status).toBe(0);
    expect(run(criu, 'state', id).status).toBe(1);
    expect(existsSync(join(box.bundle, 'checkpoint/inventory.img'))).toBe(true);
    expect(run(criu, 'restore', '-d', id).status).toBe(0);
    const first = Number(run(criu, 'exec', id, 'cat', '/dev/shm/n').stdout);
    expect(first).toBeGreaterThan(0);
    expect(run(criu, 'exec', id, 'sh', '-c', 'sleep 0.3; cat /volume/f').stdout).toBe('bound');
    expect(Number(run(criu, 'exec', id, 'cat', '/dev/shm/n').stdout)).toBeGreaterThan(first);
    expect(run(criu, 'kill', id, 'KILL').status).toBe(0);
  });

  (works ? test : test.skip)(
    `joins the namespaces of another again${works ? '' : ' [needs a criu whose check passes, GANTRY_CRIU]'}`,
    async () => {
      run(criu, 'delete', '--force', id);
      const holder = spawn('unshare', ['-n', '-i', '-u', 'sh', '-c', 'echo there; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
      try {
        await new Promise((resolve) => holder.stdout.once('data', resolve));
        const files = { network: 'net', ipc: 'ipc', uts: 'uts' };
        const path = (type: string) => `/proc/${holder.pid}/ns/${files[type as keyof typeof files]}`;
        const spec = JSON.parse(readFileSync(join(box.bundle, 'config.json'), 'utf8')) as Spec;
        spec.linux!.namespaces = spec.linux!.namespaces!.map((n) => (n.type in files ? { ...n, path: path(n.type) } : n));
        delete spec.hostname;
        writeFileSync(join(box.bundle, 'config.json'), JSON.stringify(spec));
        for (const verb of [['run', '-d'], ['checkpoint'], ['restore', '-d']])
          expect([verb, run(criu, ...verb, id).status]).toEqual([verb, 0]);
        for (const [type, file] of Object.entries(files))
          expect(run(criu, 'exec', id, 'readlink', `/proc/1/ns/${file}`).stdout.trim()).toBe(readlinkSync(path(type)));
      } finally {
        holder.kill('SIGKILL');
      }
    },
  );
});
