import type { ContainerConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import { parseSignal } from '../stop/signals';

/** Nanoseconds: docker's smallest interval of a health check. */
const MIN_HEALTH_INTERVAL = 1_000_000n;

/** Refuses a merged configuration that docker refuses. Throws invalidArgument. */
export function validateConfig(config: ContainerConfig): void {
  if (config.WorkingDir !== '' && !config.WorkingDir.startsWith('/')) {
    throw invalidArgument(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
  }
  for (const entry of config.Env) {
    if (entry === '') throw invalidArgument('invalid environment variable: ');
    if (entry.startsWith('=')) throw invalidArgument(`invalid environment variable: ${entry}`);
  }
  if (config.StopSignal !== undefined && config.StopSignal !== '') parseSignal(config.StopSignal);
  if (/[\0\t\n\r]/.test(config.Hostname)) throw invalidArgument(`invalid hostname format: ${config.Hostname}`);
  for (const port of Object.keys(config.ExposedPorts)) parsePort(port);
  validateHealth(config);
}

function validateHealth({ Healthcheck: health }: ContainerConfig): void {
  if (health === undefined) return;
  const interval = (name: string, value: bigint): void => {
    if (value !== 0n && value < MIN_HEALTH_INTERVAL) throw invalidArgument(`${name} in Healthcheck cannot be less than 1ms`);
  };
  interval('Interval', health.Interval);
  interval('Timeout', health.Timeout);
  interval('StartPeriod', health.StartPeriod);
  interval('StartInterval', health.StartInterval);
  if (health.Retries < 0n) throw invalidArgument('Retries in Healthcheck cannot be negative');
  const [kind] = health.Test;
  if (kind !== undefined && !['NONE', 'CMD', 'CMD-SHELL'].includes(kind))
    throw invalidArgument(`Unknown healthcheck type '${kind}' (expected 'CMD')`);
}

export interface ContainerPort {
  readonly port: number;
  /** tcp, udp or sctp. */
  readonly protocol: string;
}

/** Reads `80`, `80/tcp`, `53/udp`. Throws invalidArgument. */
export function parsePort(text: string): ContainerPort {
  const [number = '', protocol = 'tcp', ...rest] = text.split('/');
  const port = Number(number);
  if (rest.length > 0 || !/^[0-9]+$/.test(number) || port > 65_535) throw invalidArgument(`invalid port specification: "${text}"`);
  if (!['tcp', 'udp', 'sctp'].includes(protocol))
    throw invalidArgument(`invalid port specification: "${text}": invalid proto: ${protocol}`);
  return { port, protocol };
}
