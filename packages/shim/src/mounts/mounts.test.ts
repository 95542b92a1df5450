import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MountsService } from '@gantry/api/containerd/services/mounts/v1/mounts';
import type { Mount } from '@gantry/api/containerd/types/types';
import { connect, newContext } from '@gantry/rpc';
import { ShimFixture } from '../testing/shim-fixture';
import { Activations } from './activations';
import { mountsHandlers } from './mounts-service';

let dir: string;
let mounted: string[];
let failAt: string;
const ctx = newContext({ namespace: 'testing' });
const bind = (source: string): Mount => ({ type: 'bind', source, target: '', options: ['rbind', 'ro'] });
const ask = (name: string, mounts: Mount[], more: object = {}) => ({ name, mounts, labels: {}, temporary: true, ...more });

/** The service as a shim has it that has just started. */
const service = () =>
  mountsHandlers(
    new Activations(join(dir, 'mounts'), {
      mount: async (target, [mount]) => {
        if (mount?.source === failAt) throw new Error('no such device');
        mkdirSync(target);
        mounted.push(`${mount?.source} ${target.slice(-1)}`);
      },
      unmount: async (target) => {
        mounted = mounted.filter((one) => !one.endsWith(` ${target.slice(-1)}`));
      },
    }),
  );

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mounts-'));
  [mounted, failAt] = [[], ''];
});
afterEach(() => rmSync(dir, { recursive: true }));

test('temporary mounts are held in their order until they are deactivated, over restarts of the shim', async () => {
  const { info } = await service().activate(ctx, ask('a/b', [bind('/x'), bind('/y')], { labels: { by: 'me' } }));
  expect(mounted).toEqual(['/x 0', '/y 1']);
  expect(info?.active.map(({ mount }) => mount?.source)).toEqual(['/x', '/y']);
  expect(info?.system).toEqual([{ type: 'bind', source: info?.active[1]?.mountPoint, target: '', options: ['rbind'] }]);
  const later = service();
  expect(await later.info(ctx, { name: 'a/b' })).toEqual({ info });
  await expect(later.activate(ctx, ask('a/b', [bind('/x')]))).rejects.toMatchObject({ kind: 'alreadyExists' });
  await expect(later.info(newContext({ namespace: 'other' }), { name: 'a/b' })).rejects.toMatchObject({ kind: 'notFound' });
  const listed = [];
  for await (const one of later.list(ctx, { filters: [] }, async () => undefined) as AsyncIterable<{ info: unknown }>)
    listed.push(one.info);
  expect(listed).toEqual([info]);
  await later.deactivate(ctx, { name: 'a/b' });
  expect(mounted).toEqual([]);
  expect(readdirSync(join(dir, 'mounts/testing'))).toEqual([]);
  await expect(later.deactivate(ctx, { name: 'a/b' })).rejects.toMatchObject({ kind: 'notFound' });
});

test('labels change, alone and as a whole; other fields do not', async () => {
  const mounts = service();
  const { info } = await mounts.activate(ctx, ask('m', [bind('/x')], { labels: { a: '1', b: '2' } }));
  if (info === undefined) throw new Error('no info');
  const changed = await mounts.update(ctx, { info: { ...info, labels: { a: '', c: '3' } }, updateMask: ['labels.a', 'labels.c'] });
  expect(changed.info?.labels).toEqual({ b: '2', c: '3' });
  expect((await mounts.update(ctx, { info: { ...info, labels: { z: '1' } }, updateMask: undefined })).info?.labels).toEqual({ z: '1' });
  await expect(mounts.update(ctx, { info, updateMask: ['active'] })).rejects.toMatchObject({ kind: 'invalidArgument' });
});

test('nothing is left of mounts of which one fails, nor of a crash between them', async () => {
  failAt = '/y';
  await expect(service().activate(ctx, ask('m', [bind('/x'), bind('/y')]))).rejects.toThrow('no such device');
  expect([mounted, readdirSync(join(dir, 'mounts/testing'))]).toEqual([[], []]);
  failAt = '';
  const { info } = await service().activate(ctx, ask('m', [bind('/x')]));
  const place = join(info?.active[0]?.mountPoint ?? '', '..');
  rmSync(join(place, 'info'));
  mkdirSync(join(place, '1'));
  writeFileSync(join(place, 'info.new'), '');
  await expect(service().info(ctx, { name: 'm' })).rejects.toMatchObject({ kind: 'notFound' });
  await service().activate(ctx, ask('m', [bind('/z')]));
  expect([mounted, existsSync(join(place, '1'))]).toEqual([['/z 0'], false]);
});

test.each([
  ['mounts that the caller can make itself', [bind('/x')], { temporary: false }, /need no activation/],
  ['transforms', [{ ...bind('/x'), type: 'format/overlay' }], {}, /transform "format"/],
])('%s are refused as not implemented', async (_name, mounts, more, message) => {
  const asked = (async () => service().activate(ctx, ask('m', mounts, more)))();
  await expect(asked).rejects.toMatchObject({ kind: 'notImplemented', message: expect.stringMatching(message) as string });
  expect(mounted).toEqual([]);
});

test('the shim mounts and unmounts them for real', async () => {
  const shim = new ShimFixture();
  await shim.start();
  const connection = connect(join(shim.run, 'shim.sock'), { local: false });
  const client = connection.client(MountsService);
  writeFileSync(join(dir, 'seen'), 'yes');
  try {
    const { info } = await client.activate(shim.ctx, ask('real', [bind(dir), bind('/etc')]));
    const [first, second] = info?.active.map(({ mountPoint }) => mountPoint) ?? [];
    expect(readFileSync(join(first ?? '', 'seen'), 'utf8')).toBe('yes');
    expect(existsSync(join(second ?? '', 'passwd'))).toBe(true);
    expect(() => writeFileSync(join(first ?? '', 'new'), '')).toThrow('EROFS');
    await expect(client.activate(shim.ctx, ask('torn', [bind(dir), bind('/no/such')]))).rejects.toMatchObject({
      kind: 'failedPrecondition',
    });
    expect(shim.mounts()).toHaveLength(2);
    await client.deactivate(shim.ctx, { name: 'real' });
    expect(shim.mounts()).toEqual([]);
  } finally {
    connection.close();
    await shim.remove();
  }
});
