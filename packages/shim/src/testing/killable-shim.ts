import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { type Created, ShimFixture } from './shim-fixture';
import { bundleShim, ShimProcess } from './shim-process';

/** A shim in a process of its own, for tests that kill it; `tools` are there from beforeAll on. */
export interface KillableShim {
  readonly shim: ShimFixture;
  readonly service: ShimProcess;
  /** Deletes a stopped task and expects that nothing of it is left. */
  takenAway(task: Created): Promise<void>;
}

/** To be called in a describe block: starts such a shim before its tests, and removes it after them. */
export function killableShim(options: Partial<CreateOptions> = {}): KillableShim {
  let bundle: string | undefined;
  let started: { readonly shim: ShimFixture; readonly service: ShimProcess } | undefined;
  const tools = () => {
    if (started === undefined) throw new Error('the shim is started before the first test');
    return started;
  };
  beforeAll(() => {
    bundle = bundleShim();
    const shim = new ShimFixture(options);
    started = { shim, service: new ShimProcess(shim, bundle) };
    started.service.start();
    shim.connect();
  });
  afterAll(async () => {
    await started?.service.stop();
    await started?.shim.remove();
    if (bundle !== undefined) rmSync(bundle, { force: true });
  });
  return {
    get shim() {
      return tools().shim;
    },
    get service() {
      return tools().service;
    },
    async takenAway(task) {
      const { shim } = tools();
      await shim.delete(task);
      expect(shim.mounts().filter((path) => path.startsWith(task.bundle))).toEqual([]);
      expect(shim.hasCgroup(task)).toBe(false);
      expect(existsSync(task.bundle)).toBe(false);
    },
  };
}

export const monitorOf = (task: Created): number =>
  (JSON.parse(readFileSync(join(task.bundle, 'monitor.json'), 'utf8')) as { monitor_pid: number }).monitor_pid;

/** Gone, or a zombie that nobody has asked for. */
export function hasEnded(pid: number): boolean {
  try {
    return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true; // ENOENT, or ESRCH where it went between the opening and the reading
  }
}
