import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';

/** Throws invalidArgument for a restart policy that docker refuses. */
export function validateRestartPolicy(host: Pick<HostConfig, 'RestartPolicy' | 'AutoRemove'>): void {
  const { Name: name = '', MaximumRetryCount: retries = 0n } = host.RestartPolicy ?? {};
  if (!['', 'no', 'always', 'unless-stopped', 'on-failure'].includes(name)) {
    throw invalidArgument(`invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  }
  if (retries < 0n) throw invalidArgument('invalid restart policy: maximum retry count cannot be negative');
  if (retries !== 0n && name !== 'on-failure')
    throw invalidArgument("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  if (host.AutoRemove && name !== '' && name !== 'no') throw invalidArgument("can't create 'AutoRemove' container with restart policy");
}
