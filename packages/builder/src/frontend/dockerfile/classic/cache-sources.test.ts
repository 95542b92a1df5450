import { openBuildStore } from '../../../store';
import { SourcedSteps } from './cache-sources';
import { classicTables, classicTrees, StoredSteps } from './known-steps';

/** One step made three times, oldest first, each image with one that was made from it. */
function three(): StoredSteps {
  const known = new StoredSteps(openBuildStore(':memory:', [classicTables], [classicTrees]));
  for (const at of [1, 2, 3]) {
    known.put('step', { created: `${at}`, image: `step ${at}`, tree: `tree ${at}` });
    known.put('next', { created: `${at}`, image: `next ${at}`, tree: `tree ${at}` });
  }
  return known;
}
const images = (steps: SourcedSteps, id: string): string[] => steps.find(id).map(({ image }) => image);

test.each([
  ['the first source that has one', [['step 2'], ['step 1']], true, ['step 2', 'step 1']],
  ['the newest, where a source was made from it', [['step 2'], ['next 3', 'step 3']], true, ['step 3', 'step 2', 'step 3']],
  ['none that no source has', [['other', 'base']], true, []],
  ['any of all, where a source was made elsewhere', [['pulled']], false, ['step 3', 'step 2', 'step 1']],
])("of a step's images: %s", (_, chains, whole, expected) => {
  expect(images(new SourcedSteps(three(), { chains, whole }), 'step')).toEqual(expected);
});

test('one of many images is found, however many came after it', () => {
  const known = three();
  for (let at = 4; at < 50; at++) known.put('step', { created: `${at}`, image: `step ${at}`, tree: '' });
  expect(images(new SourcedSteps(known, { chains: [['step 1']], whole: true }), 'step')).toEqual(['step 1']);
});

test('behind a step in the midst of a source its next ones alone count, for as long as the stage lasts', () => {
  const steps = new SourcedSteps(three(), {
    chains: [
      ['next 2', 'step 2'],
      ['next 1', 'step 1'],
    ],
    whole: true,
  });
  expect(steps.trees()).toEqual(['tree 2', 'tree 1']);
  steps.found({ image: 'step 1' });
  expect(steps.trees()).toEqual(['tree 1']);
  expect(images(steps, 'next')).toEqual(['next 1']);
  steps.found({ image: 'next 1' });
  expect(images(steps, 'step')).toEqual(['step 1']);
  steps.reset();
  expect(images(steps, 'next')).toEqual(['next 2', 'next 1']);
});
