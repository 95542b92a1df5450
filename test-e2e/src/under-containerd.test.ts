import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { busybox, endPlanners, groupsBelow, hasProgram, startContainerd, testWith, until, writeCommand, type Containerd } from './harness';

/** gantry-runc in runc's place below Debian's containerd and its shim: `ctr run --runc-binary`. With GANTRY_E2E_PEER=1 runc itself too. */
const runtimes = process.env['GANTRY_E2E_PEER'] ? ['gantry-runc', 'runc'] : ['gantry-runc'];
const able = hasProgram('containerd') && hasProgram('ctr') && hasProgram('containerd-shim-runc-v2');
const ctrTest = testWith('containerd with its shim', able);

describe.each(runtimes)('%s below containerd', (runtime) => {
  let containerd: Containerd;
  let flags: string[];
  beforeAll(async () => {
    if (!able) return;
    containerd = await startContainerd((folder) => {
      writeCommand(folder, 'gantry-runc');
      mkdirSync(join(folder, 'runc'));
    });
    const binary = runtime === 'runc' ? '/usr/sbin/runc' : join(containerd.folder, 'gantry-runc');
    flags = ['--runc-binary', binary, '--runc-root', join(containerd.folder, 'runc')];
  }, 180_000);
  afterAll(async () => {
    await containerd?.destroy();
    await endPlanners();
  }, 180_000);

  const run = (...args: string[]) => containerd.ctr(['run', '--rm', ...flags, busybox, ...args]);
  const status = async (id: string) => new RegExp(`^${id}\\s+\\d+\\s+(\\w+)`, 'm').exec(await containerd.ok('tasks', 'ls'))?.[1];

  ctrTest('output, exit code, a missing program', async () => {
    expect(await run('one', 'sh', '-c', 'echo out; echo err >&2')).toMatchObject({ code: 0, stdout: 'out\n', stderr: 'err\n' });
    expect((await run('two', 'sh', '-c', 'exit 42')).code).toBe(42);
    expect((await run('three', 'nosuch')).stderr).toContain('exec: "nosuch": executable file not found in $PATH');
  });

  ctrTest('a terminal', async () => {
    const screen = await containerd.terminal(['run', '--rm', '-t', ...flags, busybox, 'tty', 'sh', '-c', 'tty; exit 3']);
    expect(screen.stdout).toContain('/dev/pts/0');
    expect(screen.code).toBe(3);
  });

  ctrTest('exec, pause, limits, kill and delete, and nothing is left', async () => {
    await containerd.ok('run', '-d', '--memory-limit', '40000000', ...flags, busybox, 'long', 'sleep', '6000');
    expect(await containerd.ctr(['tasks', 'exec', '--exec-id', 'e1', 'long', 'sh', '-c', 'echo in; exit 7'])).toMatchObject({
      code: 7,
      stdout: 'in\n',
    });
    const screen = await containerd.terminal(['tasks', 'exec', '--tty', '--exec-id', 'e2', 'long', 'sh', '-c', 'tty; exit 5']);
    expect(screen.stdout).toContain('/dev/pts/0');
    expect((await containerd.ctr(['tasks', 'exec', '--exec-id', 'e3', 'long', 'nosuch'])).stderr).toContain('executable file not found');
    expect(await containerd.ok('tasks', 'metrics', 'long')).toMatch(/memory\.limit_in_bytes\s+39997440|memory\.usage_limit\s+39997440/);
    await containerd.ok('tasks', 'pause', 'long');
    expect(await status('long')).toBe('PAUSED');
    await containerd.ok('tasks', 'resume', 'long');
    expect(await status('long')).toBe('RUNNING');
    expect(groupsBelow(`/${containerd.namespace}/long`)).not.toEqual([]);
    await containerd.ok('tasks', 'kill', '-s', 'SIGKILL', 'long');
    await until('the task to stop', async () => (await status('long')) === 'STOPPED');
    expect((await containerd.ctr(['tasks', 'rm', 'long'])).stderr).toContain('137');
    await containerd.ok('containers', 'rm', 'long');
    expect(groupsBelow(`/${containerd.namespace}/long`)).toEqual([]);
    expect(readdirSync(join(containerd.folder, 'runc', containerd.namespace))).toEqual([]);
    await until('the shim to leave', () => containerd.others().length === 0);
  });
});
