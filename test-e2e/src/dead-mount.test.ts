import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MNT, syscalls } from '@gantry/linux';
import { type Engine, loadBusybox, startEngine, succeeding } from './harness';

/**
 * A FUSE file system whose server never answers: the device is open, and nobody reads from it. Closing it ends every wait, so nothing is left
 * hanging when this process goes.
 */
function deadFileSystem(place: string): () => void {
  const device = openSync('/dev/fuse', 'r+');
  syscalls.mount('dead', place, 'fuse', 0, `fd=${device},rootmode=40000,user_id=0,group_id=0`);
  return () => {
    closeSync(device);
    syscalls.umount2(place, MNT.DETACH);
  };
}

const fuse = existsSync('/dev/fuse');

(fuse ? describe : describe.skip)(`a file system whose server is gone${fuse ? '' : ' [needs /dev/fuse]'}`, () => {
  let engine: Engine;
  let revive: (() => void) | undefined;
  const docker = (...args: string[]) => engine.docker(args, { timeout: 90_000 });
  const ok = succeeding((args) => docker(...args));
  const below = (...names: string[]): string => join(engine.folder, ...names);

  beforeAll(async () => {
    engine = await startEngine('gantry');
    await loadBusybox(engine);
    mkdirSync(below('source', 'inner'), { recursive: true });
    mkdirSync(below('healthy'));
    writeFileSync(below('healthy', 'file'), 'alive\n');
    await ok(
      'run',
      '-d',
      '--name',
      'holder',
      '-v',
      `${below('source')}:/dead`,
      '-v',
      `${below('healthy')}:/healthy`,
      'busybox',
      'sleep',
      '600',
    );
    revive = deadFileSystem(below('source'));
  }, 120_000);
  afterAll(async () => {
    revive?.();
    await engine.destroy();
  }, 120_000);

  test('is named in the error of what looked at it, and holds nobody else up', async () => {
    const dead = below('source', 'inner');
    let over = false;
    const looks = Promise.all([
      docker('cp', 'holder:/dead/file', '-'),
      docker('cp', 'holder:/dead/other', '-'),
      engine.docker(['cp', '-', 'holder:/dead'], { input: '', timeout: 90_000 }),
      docker('run', '--rm', '-v', `${dead}:/x`, 'busybox', 'true'),
      docker('create', '--mount', `type=bind,src=${dead},dst=/x`, 'busybox', 'true'),
      docker('create', '--mount', `type=bind,src=${dead}/a,dst=/x`, 'busybox', 'true'),
    ]).finally(() => (over = true));
    for (let turn = 0; turn < 6 && !over; turn++) {
      const from = Date.now();
      expect(await ok('ps', '--format', '{{.Names}}')).toContain('holder');
      expect(await ok('run', '--rm', '-v', `${below('healthy')}:/h`, 'busybox', 'cat', '/h/file')).toBe('alive');
      expect(await ok('exec', '-u', 'root', 'holder', 'echo', 'answers')).toBe('answers');
      expect(await ok('cp', 'holder:/healthy/file', below(`copy${turn}`))).toBe('');
      expect(Date.now() - from).toBeLessThan(8000); // less than any deadline
    }
    const [read, again, written, run, created, createdBelow] = await looks;
    for (const [answer, path] of [
      [read, '/dead/file'],
      [again, '/dead/other'],
      [created, dead],
      [createdBelow, `${dead}/a`],
    ] as const) {
      expect(answer.code).not.toBe(0);
      expect(answer.stderr).toMatch(new RegExp(`${path}.*does not answer within 10 seconds`));
    }
    expect(written.code).not.toBe(0); // the client tells it in words of its own
    expect(run.stderr).toMatch(new RegExp(`error while mounting '${dead}': its file system does not answer within 30 seconds`));
  }, 180_000);

  test('does not keep the engine from stopping and starting again', async () => {
    const stuck = docker('cp', 'holder:/dead/file', '-');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const from = Date.now();
    await engine.halt();
    expect(Date.now() - from).toBeLessThan(20_000);
    await stuck;
    await engine.start();
    expect(await ok('inspect', '-f', '{{.State.Running}}', 'holder')).toBe('true');
  }, 120_000);

  test('is of use again when its server is back', async () => {
    revive?.();
    revive = undefined;
    expect(await ok('cp', 'holder:/dead/inner', below('back'))).toBe('');
    expect(await ok('run', '--rm', '-v', `${below('source')}:/x`, 'busybox', 'ls', '/x')).toBe('inner');
  }, 120_000);
});
