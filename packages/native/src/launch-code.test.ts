import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '@gantry/rpc/errors';
import { isOfProgram, LAUNCH_CODES, launchCode } from './launch-code';

it('has the names of the C program, in its order', () => {
  const text = readFileSync(join(__dirname, '../base/failure.c'), 'utf8');
  const [, names = ''] = /names\[\] = \{([^}]*)\}/.exec(text) ?? [];
  expect([...names.matchAll(/"(\w+)"/g)].map(([, name]) => name)).toEqual([...LAUNCH_CODES]);
});

it('is read from an error, whatever the error says', () => {
  const error = (launch: string): GantryError => new GantryError('internal', 'no such file or directory', { meta: { launch } });
  expect(launchCode(error('no_program'))).toBe('no_program');
  expect(launchCode(error('nonsense'))).toBeUndefined();
  expect(launchCode(new Error('executable file not found in $PATH'))).toBeUndefined();
  expect([isOfProgram('program_refused'), isOfProgram('not_found'), isOfProgram(undefined)]).toEqual([true, false, false]);
});
