import { type Descriptor, sha256 } from '@gantry/oci';
import type { Ref } from '../refs/ref';
import { Output, Step } from '../solver/step';
import { type KnownTrees, layersOf } from './build-config';

const blob = (name: string): Descriptor => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: sha256(name), size: 1 });

/** Trees whose layers are the letters of their names; capital ones have a blob. */
function fakes() {
  const holds = new Map<string, number>();
  const hold = (id: string): Ref => {
    holds.set(id, (holds.get(id) ?? 0) + 1);
    return { id, clone: () => hold(id), release: () => void holds.set(id, (holds.get(id) ?? 0) - 1) };
  };
  const known: KnownTrees = {
    refs: {
      knows: (id) => id !== 'gone',
      layers: (tree) => [...tree.id].map((id) => (/[A-Z]/.test(id) ? { id, blob: blob(id) } : { id })),
    },
    keys: { results: (key) => (key === 1 ? ['', 'gone', 'Aq', 'A'].map((id) => ({ id, created: 0 })) : []) },
  };
  return { known, hold, open: () => [...holds.values()].reduce((sum, count) => sum + count, 0) };
}

const stepOf = (origin: string, output: Partial<Output>, inputs: Step[] = []): Step => {
  const vertex = { name: origin, origin, progressGroup: undefined } as Step['vertex'];
  const step = new Step(
    vertex,
    origin,
    inputs.map((input) => ({ step: input, index: 0 })),
  );
  step.outputs.set(0, Object.assign(new Output(), output));
  return step;
};

test('layers of steps that ran, and of those that were passed over because what stands on them was found', () => {
  const { known, hold, open } = fakes();
  const base = stepOf('base', { keys: [2, 1] });
  const ref = hold('AB');
  const run = stepOf('run', { result: { ref, keys: [1] } }, [base]);
  const indexes = new Map([
    ['base', 0],
    ['run', 1],
  ]);
  expect(layersOf(known, run, indexes)).toEqual({ 'step0:0': [[blob('A')]], 'step1:0': [[blob('A'), blob('B')]] });
  ref.release();
  expect(open()).toBe(0);
});

test('a layer that is no blob yet is not told', () => {
  const { known, hold } = fakes();
  expect(layersOf(known, stepOf('run', { result: { ref: hold('Ab'), keys: [] } }), new Map([['run', 0]]))).toEqual({});
});
