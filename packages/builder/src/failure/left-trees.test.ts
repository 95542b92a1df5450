import { internal, prefixed } from '@gantry/rpc';
import { FakeRefs } from '../solver/testing/fakes';
import { leaving, leftBy, takeLeft } from './left-trees';

test('what a failure left is found by what comes of it, and each who takes it has holds of its own', () => {
  const refs = new FakeRefs();
  const trees = { inputs: [refs.make('given'), undefined], mounts: [undefined, refs.make('made')], subject: { file: { index: 1n } } };
  const told = prefixed(leaving(internal('no'), trees), 'failed');
  expect(leftBy(told)).toBe(trees);
  const [first, second] = [takeLeft(told), takeLeft(told)];
  expect([first, second].map((held) => held.map(({ id }) => refs.contents.get(id)))).toEqual([
    ['given', 'made'],
    ['given', 'made'],
  ]);
  expect(refs.held).toBe(4);
  for (const ref of first) ref.release();
  expect(refs.held).toBe(2);
  for (const ref of second) ref.release();
  expect(refs.held).toBe(0);
  expect([leftBy(internal('another')), takeLeft(internal('another'))]).toEqual([undefined, []]);
});
