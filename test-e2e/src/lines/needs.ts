import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hasProgram } from '../harness';

/** What lines may need of a machine, by the name that transcripts use. */
const tests: Readonly<Record<string, { readonly what: string; readonly present: () => boolean }>> = {
  cgroup1: { what: 'cgroup v1', present: () => existsSync('/sys/fs/cgroup/cpu') },
  script: { what: 'script of util-linux', present: () => hasProgram('script') },
  curl: { what: 'curl', present: () => hasProgram('curl') },
  loop: { what: '/dev/loop0', present: () => existsSync('/dev/loop0') },
  registry: { what: 'docker-registry', present: () => hasProgram('docker-registry') },
  noweight: { what: 'a kernel without weights of block devices', present: () => !existsSync('/sys/fs/cgroup/blkio/blkio.weight') },
  nosocket: { what: "no socket at docker's own place", present: () => !existsSync('/var/run/docker.sock') },
  'cli28.5': { what: 'docker CLI 28.5', present: () => clientVersion() >= 28.5 },
  /** Sessions that wait for seconds. */
  all: { what: 'tools/test --all', present: () => ['GANTRY_TEST_ALL', 'GANTRY_LINES'].some((name) => (process.env[name] ?? '') !== '') },
};

/** The first of the things that this machine lacks, in words. */
export function lacking(needs: readonly string[]): string | undefined {
  for (const need of needs) {
    const known = tests[need];
    if (known === undefined) throw new Error(`a transcript needs ${need}, which needs.ts does not know`);
    if (!known.present()) return known.what;
  }
  return undefined;
}

/** Version of the docker CLI on PATH, as a number: its own words are part of what lines print. */
export function clientVersion(): number {
  try {
    return Number(/version (\d+\.\d+)/.exec(execFileSync('docker', ['--version'], { encoding: 'utf8' }))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
