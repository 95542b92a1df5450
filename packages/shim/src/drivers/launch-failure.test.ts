import { GantryError } from '@gantry/rpc';
import { codeOfWords, launchFailure, ofRuntime, ofServer } from './launch-failure';

const plain = new GantryError('internal', 'it failed', { meta: { launch: 'internal', exitCode: 128 } });

test.each([
  ['runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH', 'nosuch', 'no_program'],
  ['executable file `nosuch` not found in $PATH: No such file or directory', 'nosuch', 'no_program'],
  ['runc create failed: unable to start container process: exec: "/etc": is a directory', '/etc', 'program_refused'],
  ['exec /x: exec format error', '/x', 'program_broken'],
  ['error mounting "/a" to rootfs at "/b": mount src=/a: not a directory', 'sh', 'mount_kind'],
  ['chdir to cwd ("/nosuch") set in config.json failed: no such file or directory', 'ps', 'not_found'],
  ['open /x: permission denied', 'ps', 'permission'],
  ['cgroup is busy', 'ps', undefined],
])('reads out of %j (%s) the code %s', (reason, program, code) => {
  expect(codeOfWords(reason, program)).toBe(code);
});

it('adds the words that clients read where a runtime has others', () => {
  const { message, meta } = launchFailure('executable file `x` not found in $PATH: No such file or directory', plain, 'x');
  expect(message).toBe('exec: "x": executable file not found in $PATH: executable file `x` not found in $PATH: No such file or directory');
  expect(meta).toMatchObject({ launch: 'no_program', exitCode: 127 });
  expect(launchFailure('gantry-runc create failed: y', plain, 'x').message).toBe('runc create failed: y');
});

it('keeps the reason beside the words before it', () => {
  expect(ofRuntime(plain, 'create', 'why')).toMatchObject({ message: 'OCI runtime create failed: why', meta: { reason: 'why' } });
  const told = new GantryError('unknown', 'OCI runtime create failed: runc create failed: exec: "x": permission denied: unknown');
  expect(ofServer(told, 'x')).toMatchObject({
    message: 'OCI runtime create failed: runc create failed: exec: "x": permission denied',
    meta: { launch: 'program_refused', reason: 'runc create failed: exec: "x": permission denied' },
  });
});
