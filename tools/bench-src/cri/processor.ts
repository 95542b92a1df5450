import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';

/**
 * Milliseconds of processor time that an engine, all that it ever ran and the workload below the same cgroup have taken: programs that came and went, such as
 * runc and CNI's, are in it, too. The engine's processes are moved below that cgroup.
 */
export function processorTime(group: string, pids: readonly string[]): () => number {
  const version1 = [join(ROOT, 'cpuacct'), join(ROOT, 'cpu,cpuacct')].find((folder) => existsSync(join(folder, 'cpuacct.usage')));
  const whole = join(version1 ?? ROOT, group);
  const engine = join(whole, 'engine');
  mkdirSync(engine, { recursive: true });
  for (const pid of pids) writeFileSync(join(engine, 'cgroup.procs'), pid);
  if (version1 !== undefined) return () => Number(readFileSync(join(whole, 'cpuacct.usage'), 'utf8')) / 1e6;
  return () => Number(/^usage_usec (\d+)/m.exec(readFileSync(join(whole, 'cpu.stat'), 'utf8'))?.[1]) / 1000;
}
