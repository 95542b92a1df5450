import { invalidArgument } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import type { Exec } from './table';

/** Label of a container whose execs end with their clients: for clients that cannot say it of each. */
export const END_LABEL = 'gantry.exec-end-with-client';

/** What the label says. Throws invalidArgument where it says neither. */
export function labelledEnd({ config }: Pick<DockerContainer, 'config'>): boolean {
  const word = config?.Labels[END_LABEL] ?? 'false';
  if (word !== 'true' && word !== 'false') throw invalidArgument(`label ${END_LABEL}=${word} is neither true nor false`);
  return word === 'true';
}

/** Whether an exec that starts now ends when its client leaves. Throws invalidArgument for one that was made so and has no client. */
export function endsWithClient(exec: Exec, docker: Pick<DockerContainer, 'config'>, detach: boolean): boolean {
  if (!detach) return exec.endWithClient ?? labelledEnd(docker);
  if (exec.endWithClient === true) throw invalidArgument(`exec ${exec.id} ends with its client (EndWithClient) and cannot start detached`);
  return false;
}
