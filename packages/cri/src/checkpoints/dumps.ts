import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContainerStatus } from '@gantry/api/runtime/v1/api';
import { formatJson } from '@gantry/oci';
import type { Contained } from '../containers/record';
import { podName, type Pod } from '../sandboxes/pod';

/** A container as its checkpoint tells it. */
export interface Dumped {
  readonly container: Contained;
  readonly status: ContainerStatus;
  readonly pod: Pod | undefined;
  readonly pid: number;
}

/** What checkpointctl and a restore read beside criu's files: who the container is, its config.json, its status as CRI tells it and as containerd keeps it. */
export async function writeDumps(folder: string, dumped: Dumped): Promise<void> {
  const { container, status } = dumped;
  const files = {
    'config.dump': formatJson(configOf(dumped, new Date())),
    'spec.dump': Buffer.from(container.record.spec?.value ?? ''),
    'status.dump': formatJson(goJson(status)),
    status: formatJson({
      Version: 'v1',
      Pid: dumped.pid,
      CreatedAt: status.createdAt,
      StartedAt: status.startedAt,
      FinishedAt: status.finishedAt,
      ExitCode: status.exitCode,
      Reason: status.reason,
      Message: status.message,
    }),
  };
  for (const [name, data] of Object.entries(files)) await writeFile(join(folder, name), data, { mode: 0o600 });
}

/** Go's time that is none. */
const NEVER = '0001-01-01T00:00:00Z';

function configOf({ container, status, pod }: Dumped, now: Date): object {
  const { metadata } = container.config;
  return {
    id: container.id,
    name: [metadata?.name ?? '', pod === undefined ? '' : podName(pod.config).replace(/_\d+$/, ''), metadata?.attempt ?? 0].join('_'),
    rootfsImage: status.image?.image ?? '',
    rootfsImageRef: status.imageRef,
    rootfsImageName: status.image?.image ?? '',
    runtime: container.record.runtime?.name ?? '',
    createdTime: new Date(Number(container.createdAt / 1_000_000n)).toISOString(),
    checkpointedTime: now.toISOString(),
    restoredTime: NEVER,
    restored: false,
  };
}

/** Keys of these are the user's own words. */
const OWN_KEYS = new Set(['labels', 'annotations']);

/** A message as Go writes it in JSON: names of the .proto, what is empty left out. */
export function goJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(goJson);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .map(
      ([key, item]) =>
        [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), OWN_KEYS.has(key) ? (item as unknown) : goJson(item)] as const,
    )
    .filter(([, item]) => !isEmpty(item));
  return Object.fromEntries(entries);
}

/** A message that is there is told though all in it is empty; only maps, of which these are, look like it. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === '' || value === 0 || value === 0n || value === false) return true;
  return Array.isArray(value) && value.length === 0;
}
