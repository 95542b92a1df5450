import { hostname } from 'node:os';
import type { SupervisorConfig } from '../../config';

/** What docker's `reload` event of the daemon says: the values that it has now. */
export function reloadAttributes(config: SupervisorConfig & { readonly 'log-level': string }): Record<string, string> {
  const list = (values: readonly string[]): string => JSON.stringify(values);
  return {
    name: hostname(),
    debug: String(config['log-level'] === 'debug' || config['log-level'] === 'trace'),
    labels: list(config.labels),
    'live-restore': String(config['live-restore']),
    'shutdown-timeout': String(config['shutdown-timeout']),
    'default-runtime': config['default-runtime'],
    runtimes: Object.keys(config.runtimes).sort().join(' '),
    'registry-mirrors': list(config['registry-mirrors']),
    'insecure-registries': list(config['insecure-registries']),
    'max-concurrent-downloads': String(config['max-concurrent-downloads']),
    'max-concurrent-uploads': String(config['max-concurrent-uploads']),
    'max-download-attempts': String(config['max-download-attempts']),
    'default-ipc-mode': config['default-ipc-mode'],
    'default-shm-size': String(config['default-shm-size']),
  };
}
