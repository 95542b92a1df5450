import { internal, newContext, notFound } from '@gantry/rpc';
import { noteParent } from './step-images';

const told = new Map([['containerimage.config.digest', 'sha256:c']]);
const note = (failure: Error, from: ReadonlyMap<string, string> = told): Promise<void> =>
  noteParent({ content: { update: () => Promise.reject(failure) } as never, inStore: (ctx) => ctx }, newContext(), from, 'sha256:p');

test('an image that was pruned before its parent was noted is no failure of the build; anything else is', async () => {
  await note(notFound('content sha256:c: not found'));
  await note(internal('never asked'), new Map());
  await expect(note(internal('disk'))).rejects.toThrow('disk');
});
