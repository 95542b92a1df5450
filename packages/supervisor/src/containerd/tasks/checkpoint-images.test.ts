import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXPIRE_LABEL, packJson } from '@gantry/api';
import type { Mount } from '@gantry/api/containerd/types/types';
import { Any } from '@gantry/api/google/protobuf/any';
import { newContext } from '@gantry/rpc';
import { CHECKPOINT, CHECKPOINT_CONFIG, checkpointImages, type CheckpointNeeds } from './checkpoint-images';

let dir: string;
let leases: Set<string>;
let blobs: Map<string, Buffer>;
let kind: string;
let calls: string[];
const ctx = newContext({ namespace: 'testing', lease: 'callers' });

/** An images service whose tars are folders. */
function fakes(): CheckpointNeeds {
  const place = (mounts: readonly Mount[]): string => mounts[0]?.source ?? '';
  return {
    snapshotters: async () => ['overlayfs'],
    leases: {
      create: async (_ctx, { id, labels }) => {
        expect(Date.parse(labels[EXPIRE_LABEL] ?? '')).toBeGreaterThan(Date.now()); // whoever made it may die
        leases.add(id);
        return { lease: undefined };
      },
      delete: async (_ctx, { id }) => (leases.delete(id), {}),
    },
    snapshots: {
      prepare: async (call, { key, parent }) => {
        calls.push(`prepare ${parent}`);
        expect(leases.has(call.lease ?? '')).toBe(true); // nobody can collect it
        mkdirSync(join(dir, key));
        return { mounts: [{ type: kind, source: join(dir, key), target: '', options: [] }] };
      },
      remove: async (call, { key }) => {
        expect(call.signal.aborted).toBe(false);
        rmSync(join(dir, key), { recursive: true });
        return {};
      },
    },
    diff: {
      diff: async (call, { right, left }) => {
        calls.push(`diff ${left.length} ${call.lease}`);
        cpSync(place(right), join(dir, 'tar'), { recursive: true });
        return { diff: { mediaType: 'layer', digest: 'sha256:1', size: 1n, annotations: {} } };
      },
      apply: async (_ctx, { mounts }) => (cpSync(join(dir, 'tar'), place(mounts), { recursive: true }), { applied: undefined }),
    },
    content: {
      write: (call, requests) => {
        const answers = async function* (): AsyncGenerator<never> {
          for await (const { expected, data } of requests) {
            calls.push(`write ${call.lease}`);
            blobs.set(expected, Buffer.from(data));
          }
        };
        return Object.assign(answers(), { opened: Promise.resolve(), cancel: () => undefined });
      },
    },
  };
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'checkpoints-'));
  [leases, blobs, calls, kind] = [new Set(), new Map(), [], 'bind'];
});
afterEach(() => rmSync(dir, { recursive: true }));

const left = (): boolean => leases.size > 0 || readdirSync(dir).some((name) => name.startsWith('gantry.checkpoint.'));

test('a checkpoint is stored with the specification, under the lease of its caller, and laid out again', async () => {
  const images = checkpointImages(fakes());
  const spec = packJson('spec', { ociVersion: '1.0.2' });
  const [criu, config] = await images.save(ctx, spec, async (directory) => writeFileSync(join(directory, 'pages.img'), 'memory'));
  expect(criu).toMatchObject({ mediaType: CHECKPOINT, digest: 'sha256:1' });
  expect(config).toMatchObject({ mediaType: CHECKPOINT_CONFIG });
  expect(Any.decode(blobs.get(config?.digest ?? '') ?? Buffer.alloc(0))).toEqual(spec);
  expect(calls).toEqual(['prepare ', 'diff 0 callers', 'write callers']);
  if (criu === undefined) throw new Error('no descriptor');
  await images.load(ctx, criu, join(dir, 'out'));
  expect(readFileSync(join(dir, 'out/pages.img'), 'utf8')).toBe('memory');
  expect(left()).toBe(false);
});

test('nothing is left of one that fails, and what is no checkpoint is refused by its type', async () => {
  const images = checkpointImages(fakes());
  const failing = images.save(ctx, packJson('spec', {}), () => Promise.reject(new Error('criu says no')));
  await expect(failing).rejects.toThrow('criu says no');
  expect(left()).toBe(false);
  kind = 'overlay';
  await expect(images.save(ctx, packJson('spec', {}), async () => undefined)).rejects.toMatchObject({ kind: 'failedPrecondition' });
  expect(left()).toBe(false);
  const layer = { mediaType: 'layer', digest: 'sha256:1', size: 1n, annotations: {} };
  await expect(images.load(ctx, layer, dir)).rejects.toThrow('unsupported checkpoint type "layer"');
});
