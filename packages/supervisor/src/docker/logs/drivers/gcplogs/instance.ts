import type { LogOptions } from '../../options/cache';
import type { Environment } from '../config';
import type { HttpClient } from '../wires/http';

/** What a line tells of the machine. */
export interface Instance {
  readonly zone?: string;
  readonly name?: string;
  readonly id?: string;
}

export interface Machine {
  /** Empty where it is not in Google's cloud. */
  readonly project: string;
  readonly instance: Instance | undefined;
}

/** Milliseconds for which the machine is asked where it is. */
const TIMEOUT_MS = 1500;
const OWN = 'http://169.254.169.254';

export const metadataBase = (env: Environment): string =>
  (env['GCE_METADATA_HOST'] ?? '') === '' ? OWN : `http://${env['GCE_METADATA_HOST']}`;

/** A value of the metadata server; undefined where there is none. */
export async function metadata(client: HttpClient, env: Environment, path: string, signal: AbortSignal): Promise<string | undefined> {
  const url = new URL(`/computeMetadata/v1/${path}`, metadataBase(env));
  try {
    const answer = await client.ask({ method: 'GET', url, headers: { 'Metadata-Flavor': 'Google' }, timeoutMs: TIMEOUT_MS }, signal);
    return answer.status === 200 && answer.headers['metadata-flavor'] === 'Google' ? answer.text.trim() : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

let known: { readonly base: string; readonly machine: Promise<Machine> } | undefined;

/** Looked for once: a machine stays where it is. */
function machineOf(client: HttpClient, env: Environment, signal: AbortSignal): Promise<Machine> {
  const base = metadataBase(env);
  if (known?.base === base) return known.machine;
  const machine = look(client, env, signal);
  known = { base, machine };
  machine.catch(() => (known = undefined));
  return machine;
}

async function look(client: HttpClient, env: Environment, signal: AbortSignal): Promise<Machine> {
  const project = await metadata(client, env, 'project/project-id', signal);
  if (project === undefined) return { project: '', instance: undefined };
  const [zone = '', name = '', id = ''] = await Promise.all(
    ['instance/zone', 'instance/name', 'instance/id'].map((path) => metadata(client, env, path, signal)),
  );
  return { project, instance: given({ zone: zone.replace(/^.*\//, ''), name, id }) };
}

const given = (all: Readonly<Record<'zone' | 'name' | 'id', string>>): Instance =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));

/** Where a container's lines come from, by its options and by what the machine tells. */
export async function placeOf(
  options: LogOptions,
  env: Environment,
  { client, signal }: { readonly client: HttpClient; readonly signal: AbortSignal },
): Promise<Machine> {
  const machine = await machineOf(client, env, signal);
  const told = given({ zone: options['gcp-meta-zone'] ?? '', name: options['gcp-meta-name'] ?? '', id: options['gcp-meta-id'] ?? '' });
  return {
    project: options['gcp-project'] ?? machine.project,
    instance: machine.instance ?? (Object.keys(told).length === 0 ? undefined : told),
  };
}
