import { Op } from '@gantry/api/pb/ops';
import { detailsOf, internal, invalidArgument, newContext } from '@gantry/rpc';
import { leaving, takeLeft } from '../../failure/left-trees';
import type { Vertex } from '../../llb';
import { stepError } from '../../solver/step-error';
import { FakeRefs } from '../../solver/testing/fakes';
import { OutcomeIds } from './results';
import { solving } from './solve-error';

const vertex = {
  origin: 'sha256:1',
  op: Op.fromPartial({ file: { actions: [{ input: -1n, secondaryInput: -1n, output: 0n, mkdir: { path: '/a' } }] } }),
  description: { 'llb.customname': 'make a' },
} as unknown as Vertex;

/** The parts of a failed solve as the client reads them. */
async function told(ids: OutcomeIds, error: unknown): Promise<unknown[]> {
  const failure: unknown = await solving(ids, Promise.reject(error as Error)).catch((thrown: unknown) => thrown);
  return detailsOf(failure).flatMap(({ typeUrl, value }) =>
    typeUrl === 'github.com/moby/buildkit/errdefs.Solve+json' ? [JSON.parse(value.toString())] : [],
  );
}

test('a frontend is told of a failed step what it was, which part of it failed, and ids of trees that are held until it ends', async () => {
  const refs = new FakeRefs();
  const trees = { inputs: [refs.make('in'), undefined], mounts: [undefined, refs.make('out')], subject: { file: { index: 1n } } };
  const error = stepError(vertex, leaving(internal('no'), trees));
  const step = takeLeft(error);
  const ids = new OutcomeIds();
  const op = { file: { actions: [{ input: '-1', secondaryInput: '-1', mkdir: { path: '/a' } }] } };
  const solve = { inputIDs: ['ref0', ''], mountIDs: ['', 'ref1'], op, file: { index: '1' }, description: vertex.description };
  expect(await told(ids, error)).toEqual([solve]);
  expect(await told(ids, error)).toEqual([solve]); // also when it asks again, or another one does
  for (const ref of step) ref.release();
  const held = await ids.hold(newContext(), 'ref1');
  expect([held?.id, refs.holds.get('ref0'), refs.holds.get('ref1')]).toEqual(['ref1', 1, 2]);
  held?.release();
  ids.clear();
  expect(refs.held).toBe(0);
  await expect(ids.hold(newContext(), 'ref1')).rejects.toThrow('no such ref: ref1');
});

test('of the files of an input, of a process, and of what was no step', async () => {
  const ids = new OutcomeIds();
  const refs = new FakeRefs();
  const cache = stepError(vertex, leaving(internal('no'), { inputs: [refs.make('in')], mounts: [], subject: { cache: { index: 0n } } }));
  expect(await told(ids, cache)).toMatchObject([{ inputIDs: ['ref0'], cache: {} }]);
  const process = stepError(vertex, leaving(internal('no'), { inputs: [undefined], mounts: [undefined] }));
  expect(await told(ids, process)).toEqual([expect.not.objectContaining({ file: expect.anything(), cache: expect.anything() })]);
  expect(await told(ids, invalidArgument('no LLB'))).toEqual([]);
});
