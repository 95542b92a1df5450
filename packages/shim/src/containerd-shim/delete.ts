import { existsSync } from 'node:fs';
import { parseTimestamp } from '@gantry/api';
import { DeleteResponse } from '@gantry/api/containerd/task/v2/shim';
import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import type { Invocation } from './config';
import { askShim, type ControlAnswer } from './control';
import { askRunningShim } from './ensure';
import { placesOf } from './places';
import { taskDir } from '../tasks/engine';

/**
 * `delete`: containerd has lost the shim of this task. The task is killed and everything of it is taken away, by the shim if it lives after all,
 * else by a new one, which finds the task by the files of the old. Answers containerd's DeleteResponse, encoded.
 */
export async function remove(call: Invocation): Promise<Uint8Array> {
  for (const [flag, value] of [
    ['namespace', call.namespace],
    ['id', call.id],
    ['address', call.address],
  ] as const)
    if (value === '') throw invalidArgument(`delete needs -${flag}`);
  const places = placesOf(call.address);
  const request = { op: 'delete', namespace: call.namespace, id: call.id } as const;
  // containerd also asks when a shim ended in good order, with nothing left.
  const known = existsSync(taskDir(places.run, call.namespace, call.id));
  const answer: ControlAnswer = known
    ? await askRunningShim(call, places, request)
    : ((await askShim(places.control, request)) ?? { ok: true, exitCode: 0 });
  if (!answer.ok) throw failedPrecondition(`cannot delete ${call.id}: ${answer.error ?? ''}`);
  return DeleteResponse.encode({
    pid: answer.pid ?? 0,
    exitStatus: answer.exitCode ?? 0,
    exitedAt: parseTimestamp(answer.exitedAt ?? new Date().toISOString()),
  }).finish();
}
