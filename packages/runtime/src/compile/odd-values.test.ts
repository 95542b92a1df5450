/** Values that no field can hold: each is refused by the name of its field, and none ends in anything else than that error. */
import { isGantryError } from '@gantry/rpc/errors';
import { schemaFields } from '../testing/schema-fields';
import { setField, wholeSpec } from '../testing/whole-spec';
import { createOperations } from './create';

const huge = 2n ** 70n;
const odd: readonly (readonly [name: string, value: unknown])[] = [
  ['null', null],
  ['a zero byte', 'a\0b'],
  ['a word', 'no-such-word'],
  ['-1', -1],
  ['1.5', 1.5],
  ['a huge number', huge],
  ['true', true],
  ['an object', { a: 1 }],
  ['a list of nothing', [null]],
  ['an empty text', ''],
];

/** What is done with the value: nothing, or the error. */
function said(path: string, value: unknown): string | undefined {
  try {
    createOperations(setField(wholeSpec(path), path, value), { id: 'c', bundle: '/bundle', labels: { apparmor: true, selinux: true } });
    return undefined;
  } catch (error) {
    return isGantryError(error) ? error.message : `not one of ours: ${String(error)}`;
  }
}

test.each(schemaFields)('%s', (path, one) => {
  /* Members of maps stand for themselves; a list's name is that of its elements. */
  const words = path.split('.').map((part) => part.replace(/[[{].*/, ''));
  const last = words.at(-1) as string;
  const refused =
    ['solaris', 'windows', 'vm', 'zos', 'freebsd'].includes(path) ||
    path.startsWith('linux.intelRdt') ||
    path === 'process.commandLine' ||
    path === 'process.user.username' ||
    path.startsWith('linux.personality.flags');
  for (const [name, value] of odd) {
    const message = said(path, value);
    if (message !== undefined)
      expect([name, message]).toEqual([
        name,
        expect.stringMatching(new RegExp(`^(config\\.json: .*(${last}|${words.at(-2) ?? last})|.*hook path)`, 's')),
      ]);
    const fits =
      value === null ||
      (typeof value === typeof one && name !== 'a zero byte') ||
      (typeof one === 'number' && value === huge) ||
      name === 'an empty text';
    if (!fits && !refused) expect([name, message]).toEqual([name, expect.any(String)]);
  }
});
