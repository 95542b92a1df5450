import { GantryError, invalidArgument, notFound } from '@gantry/rpc';
import { createFailure, taskFailure } from './failures';

test('a task that is missing is named once: clients say "no running task found" themselves', () => {
  const missing = notFound('task web not found in namespace n', { meta: { missing: 'task' } });
  expect(taskFailure(missing, 'web')).toMatchObject({ kind: 'notFound', message: 'task web not found' });
  const process = notFound('process does not exist e1', { meta: { missing: 'process' } });
  expect(taskFailure(process, 'web')).toMatchObject({ kind: 'notFound', message: 'process does not exist e1: not found' });
  expect(taskFailure(notFound('process already finished'), 'web').message).toBe('process already finished: not found');
});

test("what a runtime refuses is told in containerd's words and without a kind of its own; what we refuse keeps its kind", () => {
  const text = 'OCI runtime create failed: runc create failed: unable to start container process: exec: "x": permission denied';
  const refused = new GantryError('invalidArgument', text, { meta: { launch: 'permission', exitCode: 126 } });
  expect(createFailure(refused, 'web')).toMatchObject({
    kind: 'unknown',
    message: `failed to create shim task: ${text}`,
    meta: { exitCode: 126 },
  });
  expect(taskFailure(invalidArgument('signal 0 is not valid'), 'web')).toMatchObject({
    kind: 'invalidArgument',
    message: 'signal 0 is not valid',
  });
});
