import { GantryError } from '@gantry/rpc';
import { startFailure } from './start-error';

const CREATE = 'failed to create task for container: failed to create shim task: OCI runtime create failed: ';
const failure = (message: string, exitCode = 128) =>
  startFailure(new GantryError('invalidArgument', message, { meta: { launch: 'not_found', exitCode, step: 'task' } }), 'nosuch');

test.each([
  [
    'OCI runtime create failed: runc create failed: unable to start container process: ',
    'runc create failed: unable to start container process: ',
  ],
  ['OCI runtime create failed: ', ''],
  ['gantry-runc create failed: unable to start container process: ', 'runc create failed: unable to start container process: '],
  ['', 'runc create failed: unable to start container process: '],
])('words of the shim and of runc are said once: %j', (given, told) => {
  const reason = 'exec: "nosuch": executable file not found in $PATH';
  const { error, exitCode } = failure(`${given}${reason}`);
  expect([error.message, exitCode]).toEqual([`${CREATE}${told}${reason}: unknown`, 127]);
});

test('a reason that is nothing about the command keeps the words of its runtime', () => {
  expect(failure('OCI runtime create failed: crun says no').error.message).toBe(`${CREATE}crun says no: unknown`);
});
