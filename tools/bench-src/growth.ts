import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Engine } from '../../test-e2e/src/harness/engine';
import { pssOf } from './measure';

/** Milliseconds between two looks: a look costs some processor time itself. */
const EVERY_MS = 150;

/** Processes on an engine's network, its containers' and the registry's not: services, helpers, monitors or shims. */
function processesOf(engine: Engine): string[] {
  const network = `net:[${statSync(`/run/netns/${engine.netns}`).ino}]`;
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readlinkSync(`/proc/${pid}/ns/net`) === network && !readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('docker-registry');
    } catch {
      return false; // it ended meanwhile
    }
  });
}

/** Proportional set sizes of an engine's processes, MiB. */
export const idleOf = (engine: Engine): number => pssOf(processesOf(engine));

/** MiB by which an engine grows at most over what it had when it was idle, while the action goes on. */
export async function growthOf(engine: Engine, idle: number, action: () => Promise<unknown>): Promise<number> {
  let most = 0;
  const look = (): void => void (most = Math.max(most, idleOf(engine)));
  const timer = setInterval(look, EVERY_MS);
  await action().finally(() => clearInterval(timer));
  look();
  return most - idle;
}
