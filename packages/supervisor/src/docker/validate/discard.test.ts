import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { discardWeights } from './discard';

let root = '';
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'gantry-weights-'))));
afterEach(() => rmSync(root, { recursive: true }));

const asked = () => HostConfig.fromPartial({ BlkioWeight: 5n, BlkioWeightDevice: [{ Path: '/dev/loop0', Weight: 300n }] });

it('takes weights out that the kernel does not have, and says so', () => {
  mkdirSync(join(root, 'blkio'));
  writeFileSync(join(root, 'blkio/blkio.weight_device'), '');
  const host = asked();
  expect(discardWeights(host, root)).toEqual([
    'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
  ]);
  expect([host.BlkioWeight, host.BlkioWeightDevice.length]).toEqual([0n, 1]);
  rmSync(join(root, 'blkio'), { recursive: true });
  expect(discardWeights(host, root)).toHaveLength(1);
  expect(host.BlkioWeightDevice).toEqual([]);
  expect(discardWeights(host, root)).toEqual([]);
});

it('leaves them where cgroup v2 has the io controller', () => {
  writeFileSync(join(root, 'cgroup.controllers'), 'cpuset cpu io memory');
  expect(discardWeights(asked(), root)).toEqual([]);
  writeFileSync(join(root, 'cgroup.controllers'), 'cpuset cpu memory');
  expect(discardWeights(asked(), root)).toHaveLength(2);
});
