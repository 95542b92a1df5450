import { execFile } from 'node:child_process';
import { internal } from '@gantry/rpc/errors';
import { pause } from '@gantry/rpc/timer';
import type { Context } from './context';
import { runHooks } from './hooks';
import { forget, isAlive, type StoredState } from './state';

const WAIT_MS = 10_000;

/** Kills what is left, removes the cgroups, runs poststop, forgets the state. */
export async function destroy(context: Context, state: StoredState): Promise<void> {
  await context.cgroups.killAll(state.cgroup);
  if (isAlive(state)) {
    process.kill(state.pid, 'SIGKILL');
    for (const until = Date.now() + WAIT_MS; isAlive(state); await pause(5)) {
      if (Date.now() > until) throw internal(`container "${state.id}": process ${state.pid} does not die`);
    }
  }
  await context.cgroups.remove(state.cgroup, { timeoutMs: WAIT_MS });
  if (!(state.spec.linux?.namespaces ?? []).some((n) => n.type === 'mount')) await unmountRootfs(context, state);
  forget(context.root, state.id);
  await runHooks('poststop', state.spec, { id: state.id, pid: 0, bundle: state.bundle, status: 'stopped' }).catch((error: unknown) => {
    context.log.warn(String((error as Error).message)); /* a poststop hook's failure is only told (runtime-spec) */
  });
}

/** A container in the host's mount namespace has left its mounts there. */
function unmountRootfs(context: Context, state: StoredState): Promise<void> {
  return new Promise((resolve) => {
    execFile(context.native, ['unmount-below', state.rootfs], (error, _, stderr) => {
      if (error) context.log.warn(`unmount what is below ${state.rootfs}: ${stderr.trim()}`);
      resolve();
    });
  });
}
