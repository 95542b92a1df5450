import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { failedPrecondition, GantryError, internal, invalidArgument } from '@gantry/rpc/errors';
import { pause } from '@gantry/rpc/timer';
import type { LinuxResources } from '@gantry/oci';
import type { CgroupDirectory, CgroupManager, CgroupMeter, CgroupPlan } from './contract';
import { codeOf, readTable, readValue, ValueWriter, writeValue } from './files';
import { readHierarchies, type Hierarchies } from './hierarchies';
import { KeptFiles } from './kept-files';
import { settingsV1 } from './limits-v1';
import { settingsV2 } from './limits-v2';
import { checkCgroupPath } from './paths';
import type { Setting } from './settings';
import { directoryOf, readStats } from './stats';

const UNKILLABLE_MS = 2000;
const FREEZE_MS = 2000;
const PARENT_TRIES = 10;

/** The host's cgroups. `hierarchies` is read once; tests give their own. */
export function createCgroupManager(hierarchies: Hierarchies = readHierarchies()): CgroupManager {
  return new KernelCgroups(hierarchies);
}

class KernelCgroups implements CgroupManager {
  constructor(private readonly hierarchies: Hierarchies) {}

  get mode(): 'v1' | 'hybrid' | 'v2' {
    return this.hierarchies.mode;
  }

  plan(path: string): CgroupPlan {
    const clean = checkCgroupPath(path);
    return {
      path: clean,
      mode: this.mode,
      directories: this.hierarchies.list.map((h) => ({ ...h, directory: `${h.mountpoint}${clean}` })),
    };
  }

  create(plan: CgroupPlan, resources: LinuxResources = {}): Promise<readonly string[]> {
    return settle(() => {
      const made: string[] = [];
      try {
        for (const directory of plan.directories) makeDirectory(directory, made);
        return write(plan, resources, true);
      } catch (error) {
        for (const path of made.reverse()) quietRmdir(path);
        throw error;
      }
    });
  }

  apply(plan: CgroupPlan, resources: LinuxResources): Promise<readonly string[]> {
    return settle(() => write(plan, resources, false));
  }

  move(plan: CgroupPlan, pid: number): Promise<void> {
    return settle(() => {
      const there = plan.directories.filter(({ directory }) => existsSync(directory));
      if (there.length === 0) throw failedPrecondition(`cgroup ${plan.path} does not exist`);
      for (const { directory } of there) writeValue(`${directory}/cgroup.procs`, String(pid));
    });
  }

  async freeze(plan: CgroupPlan): Promise<void> {
    await this.setFrozen(plan, true);
  }

  async thaw(plan: CgroupPlan): Promise<void> {
    await this.setFrozen(plan, false);
  }

  frozen(plan: CgroupPlan): Promise<boolean> {
    return settle(() => this.isFrozen(plan));
  }

  private isFrozen(plan: CgroupPlan): boolean {
    const directory = this.freezer(plan);
    if (plan.mode === 'v2') return readTable(`${directory}/cgroup.events`)['frozen'] === 1n;
    return readValue(`${directory}/freezer.state`) === 'FROZEN';
  }

  private freezer(plan: CgroupPlan): string {
    const directory = directoryOf(plan, 'freezer');
    if (directory === undefined) throw new GantryError('failedPrecondition', 'the host has no freezer cgroup');
    return directory;
  }

  private async setFrozen(plan: CgroupPlan, frozen: boolean): Promise<void> {
    const directory = this.freezer(plan);
    const [file, value] = plan.mode === 'v2' ? ['cgroup.freeze', frozen ? '1' : '0'] : ['freezer.state', frozen ? 'FROZEN' : 'THAWED'];
    const until = Date.now() + FREEZE_MS;
    for (let turn = 0; ; turn++) {
      writeValue(`${directory}/${file}`, value);
      if (this.isFrozen(plan) === frozen) return;
      if (Date.now() > until) break;
      await pause(turn < 10 ? 1 : 10);
    }
    if (frozen) writeValue(`${directory}/${file}`, plan.mode === 'v2' ? '0' : 'THAWED');
    throw internal(`cgroup ${plan.path} did not become ${frozen ? 'frozen' : 'thawed'} in ${FREEZE_MS} ms`);
  }

  pids(plan: CgroupPlan): Promise<number[]> {
    return settle(() => pidsOf(plan));
  }

  stats(plan: CgroupPlan) {
    return settle(() => readStats(plan));
  }

  meter(plan: CgroupPlan): CgroupMeter {
    const files = new KeptFiles();
    return { stats: () => readStats(plan, files.text), close: () => files.close() };
  }

  async killAll(plan: CgroupPlan, signal = 9): Promise<number> {
    const count = pidsOf(plan).length;
    if (plan.mode === 'v2' && signal === 9 && plan.directories[0] && existsSync(`${plan.directories[0].directory}/cgroup.kill`)) {
      writeValue(`${plan.directories[0].directory}/cgroup.kill`, '1');
      return count;
    }
    /* A process that forks while we read is caught by the next turn. */
    for (let turn = 0; turn < 20; turn++) {
      const pids = pidsOf(plan);
      for (const pid of pids) signalProcess(pid, signal);
      if (signal !== 9 || pids.length === 0) break;
      if (directoryOf(plan, 'freezer')) await this.thaw(plan).catch(() => undefined); /* the killing itself is what counts */
      await pause(turn < 5 ? 1 : 10);
    }
    return count;
  }

  async remove(plan: CgroupPlan, options: { timeoutMs?: number } = {}): Promise<void> {
    const until = Date.now() + (options.timeoutMs ?? UNKILLABLE_MS);
    for (const { directory } of plan.directories) {
      for (let turn = 0; ; turn++) {
        try {
          removeTree(directory);
          break;
        } catch (error) {
          if (codeOf(error) !== 'EBUSY' || Date.now() > until) throw internal(`remove cgroup ${directory}`, { cause: error });
          await pause(turn < 10 ? 2 : 20);
        }
      }
    }
  }

  tidy(path: string): Promise<void> {
    return settle(() => {
      for (const { directory } of this.plan(path).directories) quietRmdir(directory);
    });
  }

  oomKills(plan: CgroupPlan): Promise<bigint> {
    return settle(() => {
      const directory = directoryOf(plan, 'memory');
      if (directory === undefined) return 0n;
      return readTable(`${directory}/${plan.mode === 'v2' ? 'memory.events' : 'memory.oom_control'}`)['oom_kill'] ?? 0n;
    });
  }
}

/** Every file here answers at once: the work is synchronous, its errors are rejections. */
function settle<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}

function signalProcess(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Makes each missing level; on v1 fills cpuset from above, on v2 hands the controllers down. */
function makeDirectory(level: CgroupDirectory, made: string[]): void {
  const { version, mountpoint, directory, controllers } = level;
  const parent = dirname(directory);
  /* A parent that misses is made, and made again when another engine tidied it away in between. */
  for (let tries = 0; ; tries++) {
    if (version === 2) handDown(parent, controllers);
    try {
      mkdirSync(directory);
      made.push(directory);
      break;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') break;
      if (codeOf(error) !== 'ENOENT' || parent === mountpoint || tries > PARENT_TRIES)
        throw internal(`make cgroup ${directory}`, { cause: error });
      makeDirectory({ ...level, directory: parent }, made);
      if (version === 1 && controllers.includes('cpuset')) inherit(parent);
    }
  }
  if (version === 1 && controllers.includes('cpuset')) fillCpuset(directory, mountpoint);
}

/** Cpusets below a directory of ours begin with its processors (cgroups.txt, clone_children): one that is made need not be filled. */
function inherit(directory: string): void {
  try {
    writeValue(`${directory}/cgroup.clone_children`, '1');
  } catch {
    /* Filled one by one, then. */
  }
}

/** A v1 cpuset without processors takes no process: each level that says nothing gets what is above it. */
function fillCpuset(directory: string, mountpoint: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) filledCpuset(directory, mountpoint, file);
}

/** What the level says once it says something. */
function filledCpuset(directory: string, mountpoint: string, file: string): string {
  const own = readValue(`${directory}/${file}`) ?? '';
  if (own !== '' || directory === mountpoint) return own;
  const above = filledCpuset(dirname(directory), mountpoint, file);
  writeValue(`${directory}/${file}`, above);
  return above;
}

/** Those that are handed down already are not written again: the kernel takes the lock of all cgroups for a write, even of what is so. */
function handDown(parent: string, controllers: readonly string[]): void {
  const file = `${parent}/cgroup.subtree_control`;
  let given: readonly string[] | undefined;
  for (const controller of controllers)
    try {
      given ??= readValue(file)?.split(' ') ?? [];
      if (!given.includes(controller)) writeValue(file, `+${controller}`);
    } catch {
      /* A controller that cannot be enabled here is missed when a limit wants it: that is told then. */
    }
}

function quietRmdir(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    /* Still in use, or the error that brought us here is the one to tell. */
  }
}

function write(plan: CgroupPlan, resources: LinuxResources, fresh: boolean): string[] {
  const warnings: string[] = [];
  const settings = plan.mode === 'v2' ? settingsV2(resources) : orderMemory(plan, settingsV1(resources, { devices: fresh }));
  const writer = new ValueWriter();
  const put = (setting: Setting) => {
    const warning = writeSetting(plan, setting, writer);
    if (warning) warnings.push(warning);
  };
  try {
    writeInOrder(settings, put);
  } finally {
    writer.close();
  }
  return warnings;
}

function writeInOrder(settings: readonly Setting[], put: (setting: Setting) => void): void {
  settings.forEach((setting, i) => {
    const next = settings[i + 1];
    const pair = next !== undefined && periods.has(setting.file);
    try {
      put(setting);
    } catch (error) {
      /* A period below the present run time is taken after the new run time. */
      if (!pair || !isInvalid(error)) throw error;
      put(next);
      put(setting);
    }
  });
}

const periods = new Set(['cpu.rt_period_us', 'cpu.cfs_period_us']);

function isInvalid(error: unknown): boolean {
  return codeOf(error) === 'EINVAL' || codeOf((error as { cause?: unknown }).cause) === 'EINVAL';
}

/** A memory limit that rises above the present memory+swap limit is set after it. */
function orderMemory(plan: CgroupPlan, settings: Setting[]): Setting[] {
  const directory = directoryOf(plan, 'memory');
  const limit = settings.findIndex((s) => s.file === 'memory.limit_in_bytes');
  const swap = settings.findIndex((s) => s.file === 'memory.memsw.limit_in_bytes');
  if (directory === undefined || limit < 0 || swap < 0) return settings;
  const wanted = BigInt((settings[limit] as Setting).value);
  const present = BigInt(readValue(`${directory}/memory.memsw.limit_in_bytes`) ?? '0');
  if (wanted >= 0n && wanted <= present) return settings;
  const result = [...settings];
  [result[limit], result[swap]] = [settings[swap] as Setting, settings[limit] as Setting];
  return result;
}

function writeSetting(plan: CgroupPlan, setting: Setting, writer: ValueWriter): string | undefined {
  if (setting.controller === 'unified')
    throw invalidArgument(`config.json: invalid configuration: linux.resources.unified: "${setting.file}" needs cgroup v2`);
  const directory = directoryOf(plan, setting.controller);
  const missing = `the host has no ${setting.controller} cgroup: ${setting.file} is not set`;
  if (directory === undefined) {
    if (setting.required) throw new GantryError('failedPrecondition', missing);
    return missing;
  }
  const file = setting.alternative && !existsSync(`${directory}/${setting.file}`) ? setting.alternative : setting.file;
  try {
    writer.write(`${directory}/${file}`, setting.value);
    return undefined;
  } catch (error) {
    /* A kernel that keeps the file for its name alone. */
    if (setting.optionalWhenMissing && ['EOPNOTSUPP', 'ENOTSUP'].includes(codeOf(error)))
      return `the host has no ${setting.optionalWhenMissing}: ${setting.file} is not set`;
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EACCES') {
      if (!existsSync(`${directory}/${file}`) && !setting.required)
        return `the host has no ${setting.optionalWhenMissing ?? `${setting.controller} limit`}: ${setting.file} is not set`;
    }
    throw internal(`write "${setting.value}" to ${directory}/${file}: ${reasonOf(error)}`, { cause: error });
  }
}

/** `EINVAL: invalid argument, write` → `invalid argument`. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^[A-Z]+: ([^,]+)/.exec(text)?.[1] ?? text;
}

function pidsOf(plan: CgroupPlan): number[] {
  const directory =
    plan.mode === 'v2'
      ? plan.directories[0]?.directory
      : (directoryOf(plan, 'pids') ?? directoryOf(plan, 'freezer') ?? plan.directories[0]?.directory);
  const found = new Set<number>();
  const walk = (path: string) => {
    for (const pid of (readValue(`${path}/cgroup.procs`) ?? '').split('\n')) if (pid) found.add(Number(pid));
    for (const entry of entries(path)) walk(`${path}/${entry}`);
  };
  if (directory !== undefined) walk(directory);
  return [...found].sort((a, b) => a - b);
}

function entries(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function removeTree(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    const children = entries(path);
    if (children.length === 0) throw error;
    for (const child of children) removeTree(`${path}/${child}`);
    rmdirSync(path);
  }
}
