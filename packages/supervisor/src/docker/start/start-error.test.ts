import { GantryError } from '@gantry/rpc';
import { startFailure } from './start-error';

const CREATE = 'failed to create task for container: failed to create shim task: OCI runtime create failed: ';
const failure = (launch: string | undefined, more: object = {}) =>
  startFailure(
    new GantryError('failedPrecondition', 'OCI runtime create failed: why', {
      meta: { step: 'task', ...(launch === undefined ? {} : { launch }), ...more },
    }),
  );

test.each([
  ['no_program', 'invalidArgument', 127],
  ['program_refused', 'invalidArgument', 126],
  ['program_broken', 'internal', 126],
  ['not_found', 'failedPrecondition', 128],
  [undefined, 'failedPrecondition', 128],
])('goes by the code %s, whatever the words say', (launch, kind, exitCode) => {
  expect(failure(launch, { reason: 'executable file not found' })).toMatchObject({ exitCode, error: { kind, meta: { exitCode } } });
});

test('words of the shim and of runc are said once', () => {
  const reason = 'runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH';
  expect(failure('no_program', { reason }).error.message).toBe(`${CREATE}${reason}: unknown`);
  expect(failure('internal', { reason: 'crun says no' }).error.message).toBe(`${CREATE}crun says no: unknown`);
  const own = new GantryError('unavailable', 'the shim is away', { meta: { step: 'task' } });
  expect(startFailure(own).error).toMatchObject({
    kind: 'unavailable',
    message: `${CREATE}runc create failed: unable to start container process: the shim is away: unknown`,
  });
});

test('a directory that meets a file gets advice, and nothing else that is no directory', () => {
  expect(failure('mount_kind', { reason: 'not a directory' }).error.message).toMatch(
    /unknown: Are you trying to mount a directory onto a file/,
  );
  const before = new GantryError('invalidArgument', "error while creating mount source path '/etc/passwd/x': not a directory");
  expect(startFailure(before)).toEqual({ error: before, exitCode: 128 });
});
