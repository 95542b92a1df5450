import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { guardsByDefault } from '@gantry/oci/apparmor';
import { availableParallelism, hostname, machine, release, totalmem } from 'node:os';

/** Facts of the host that `docker info` and `docker version` show. */
export interface HostFacts {
  readonly hostname: string;
  readonly kernel: string;
  readonly machine: string;
  readonly cpus: number;
  readonly memory: number;
  readonly operatingSystem: string;
  readonly osVersion: string;
  readonly ipv4Forwarding: boolean;
  readonly cgroupNamespaces: boolean;
  /** Containers are under a profile by default. */
  readonly apparmor: boolean;
  readonly openFiles: number;
}

export function hostFacts(): HostFacts {
  const release_ = osRelease();
  return {
    hostname: hostname(),
    kernel: release(),
    machine: machine(),
    cpus: availableParallelism(),
    memory: totalmem(),
    operatingSystem: release_.get('PRETTY_NAME') ?? release_.get('NAME') ?? 'Linux',
    osVersion: release_.get('VERSION_ID') ?? '',
    ipv4Forwarding: text('/proc/sys/net/ipv4/ip_forward') === '1',
    cgroupNamespaces: existsSync('/proc/self/ns/cgroup'),
    apparmor: guardsByDefault(),
    openFiles: readdirSync('/proc/self/fd').length,
  };
}

/** os-release(5): the first of the two files that is there. */
function osRelease(): Map<string, string> {
  const source = ['/etc/os-release', '/usr/lib/os-release'].map(text).find((found) => found !== undefined) ?? '';
  const fields = new Map<string, string>();
  for (const line of source.split('\n')) {
    const match = /^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line.trim());
    if (match !== null) fields.set(match[1] ?? '', (match[2] ?? match[3] ?? match[4] ?? '').replace(/\\(["$`\\])/g, '$1'));
  }
  return fields;
}

/** A small file's text, undefined when the host does not have it. */
function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined; // an absent fact is an answer here
  }
}
