import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Everything on a machine that a container engine can forget: each entry one line of text. */
export interface MachineSnapshot {
  mounts: string[];
  namespaces: string[];
  cgroups: string[];
  links: string[];
  tables: string[];
  processes: string[];
  files: string[];
}

/** What a systemd host makes and removes by itself; /run/netns is laid over itself by the first `ip netns add`. */
const HOST_MOUNTS = /^\/run\/((user|credentials)\/|netns$)/;
const HOST_GROUPS = /\/(user|system|machine|init)\.(slice|scope)(\/|$)/;

/**
 * Takes stock of the machine: mounts, namespaces, cgroups, links, nft tables, our processes and files.
 * @param marks substrings that tell our processes (by command line) and files in /tmp and /run
 * @param place a temporary folder: processes that have it as TMPDIR are ours too
 */
export function takeSnapshot(marks: readonly string[] = ['gantry'], place?: string): MachineSnapshot {
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ')[4] ?? '')
      .filter((target) => !HOST_MOUNTS.test(target))
      .sort(),
    namespaces: namedNamespaces(),
    cgroups: cgroups(),
    links: lines('ip', ['-o', 'link'])
      .map((line) => (line.split(': ')[1] ?? '').split('@')[0] ?? '')
      .filter((name) => name !== ''),
    tables: lines('nft', ['list', 'tables']),
    processes: processes(marks, place),
    files: ['/run', '/tmp', '/dev/shm'].flatMap((dir) =>
      readdirSync(dir)
        .filter((name) => marks.some((mark) => name.includes(mark)))
        .map((name) => `${dir}/${name}`),
    ),
  };
}

/** What `after` has and `before` has not, a line each; empty when nothing was left over. */
export function leftovers(before: MachineSnapshot, after: MachineSnapshot): string[] {
  return (Object.keys(after) as (keyof MachineSnapshot)[]).flatMap((kind) => {
    const known = new Map<string, number>();
    for (const entry of before[kind]) known.set(entry, (known.get(entry) ?? 0) + 1);
    return after[kind]
      .filter((entry) => {
        const count = known.get(entry) ?? 0;
        known.set(entry, count - 1);
        return count <= 0;
      })
      .map((entry) => `${kind}: ${entry}`);
  });
}

function lines(file: string, args: string[]): string[] {
  try {
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .filter(Boolean);
  } catch {
    return [];
  }
}

function namedNamespaces(): string[] {
  return existsSync('/run/netns') ? readdirSync('/run/netns').sort() : [];
}

function cgroups(): string[] {
  const found: string[] = [];
  const walk = (dir: string, depth: number): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const path = `${dir}/${entry.name}`;
      if (path.includes('process_api')) continue;
      if (path.includes('gantry') || !HOST_GROUPS.test(path)) found.push(path);
      if (depth < 4) walk(path, depth + 1);
    }
  };
  try {
    walk('/sys/fs/cgroup', 0);
  } catch {
    // a cgroup vanished while it was read: the next look tells
  }
  return found;
}

function processes(marks: readonly string[], place: string | undefined): string[] {
  const own = new Set([String(process.pid), String(process.ppid)]);
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && !own.has(pid))
    .flatMap((pid) => {
      try {
        const cmdline = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const exe = readlinkSync(`/proc/${pid}/exe`);
        const inPlace = place !== undefined && readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`TMPDIR=${place}`);
        return inPlace || marks.some((mark) => cmdline.includes(mark) || exe.includes(mark)) ? [cmdline || exe] : [];
      } catch {
        return [];
      }
    });
}
