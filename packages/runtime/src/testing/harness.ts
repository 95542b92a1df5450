import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Process, Spec } from '@gantry/oci';
import type { CgroupPlan } from '../cgroup/contract';
import { createCgroupManager } from '../cgroup/manager';
import { compileCreate } from '../compile/create';
import { compileExec } from '../compile/exec';
import { launchPlan, makeBundle, missingForContainers, type Launched, type Outcome } from './container';

/** describe(), or a skipped one that says what is missing. */
export const describeContainers: jest.Describe = ((name: string, body: () => void) => {
  const missing = missingForContainers();
  if (missing === undefined) describe(name, body);
  else describe.skip(`${name} [needs ${missing}]`, body);
}) as jest.Describe;

/** Field 22 of /proc/<pid>/stat. */
export function startTimeOf(pid: number): bigint {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return BigInt(text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '0');
}

/** One bundle and one cgroup for a test; close() removes both and every process in it. */
export class Box {
  readonly id = `test-${randomBytes(6).toString('hex')}`;
  private readonly made = makeBundle();
  readonly bundle = this.made.bundle;
  readonly rootfs = this.made.rootfs;
  readonly cgroups = createCgroupManager();
  readonly cgroup: CgroupPlan = this.cgroups.plan(`/gantry-test-${process.pid}/${this.id}`);

  async launch(spec: Spec, options: Parameters<typeof launchPlan>[1] & { noPivot?: boolean } = {}): Promise<Launched> {
    await this.cgroups.create(this.cgroup, spec.linux?.resources);
    const { plan, terminal } = compileCreate(spec, {
      id: this.id,
      bundle: this.bundle,
      cgroup: this.cgroup,
      noPivot: options.noPivot === true,
    });
    return launchPlan(plan, { ...options, args: [...(options.args ?? []), ...(terminal ? ['--terminal'] : [])] });
  }

  async run(spec: Spec, options: Parameters<typeof launchPlan>[1] & { noPivot?: boolean } = {}): Promise<Outcome> {
    return (await this.launch(spec, options)).done;
  }

  exec(process: Process, pid: number, spec: Spec): Launched {
    const { plan, terminal } = compileExec(process, { pid, startTime: startTimeOf(pid), spec, cgroup: this.cgroup }, { id: this.id });
    return launchPlan(plan, { mode: 'runc-exec', args: terminal ? ['--terminal'] : [] });
  }

  async close(): Promise<void> {
    await this.cgroups.killAll(this.cgroup);
    await this.cgroups.remove(this.cgroup);
    await this.cgroups.tidy(`/gantry-test-${process.pid}`);
    this.made.remove();
  }
}

/** describeContainers() whose tests have a new box each, closed after them; `box` stands for the one of the test that runs. */
export function describeBoxes(name: string, body: (box: Box) => void): void {
  describeContainers(name, () => {
    let now: Box | undefined;
    beforeEach(() => {
      now = new Box();
    });
    afterEach(() => now?.close());
    body(
      new Proxy({} as Box, {
        get: (_, key) => {
          const value: unknown = Reflect.get(now ?? {}, key);
          return typeof value === 'function' ? (value.bind(now) as unknown) : value;
        },
      }),
    );
  });
}
